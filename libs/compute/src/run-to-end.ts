import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { Failure } from '@anneal/contracts';
import { killTree } from './kill-tree.js';
import { markVariable, processStat } from './proc.js';
import { startChild } from './start-child.js';

const MiB = 1024 * 1024;
const stdoutBytes = 16 * MiB;
const stderrBytes = MiB;
/** How long output is still read after the command's end, when something that it started holds the pipe open. */
const drainMs = 1_000;

export interface RunToEndOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** The complete environment; this process's own when left out. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Aborting kills the whole tree and rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Gets each piece of standard error as it comes. */
  readonly onStderr?: (text: string) => void;
  /** Kills the whole tree after so many milliseconds and rejects with KILLED. */
  readonly timeoutMs?: number;
}

export interface RunToEndResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last 16 MiB. */
  readonly stdout: string;
  /** The last 1 MiB. */
  readonly stderr: string;
}

type Ending = Pick<RunToEndResult, 'code' | 'signal'>;

/**
 * Runs a short tool and takes what it says. Its exit code is the caller's to judge.
 *
 * @throws Failure ENGINE_MISSING when it is absent, and what else {@link startChild} says
 */
export async function runToEnd(options: RunToEndOptions): Promise<RunToEndResult> {
  const { command, args, cwd, signal, onStderr, timeoutMs } = options;
  signal?.throwIfAborted();
  const mark = randomUUID();
  const env = { ...(options.env ?? process.env), [markVariable]: mark };
  const child = await startChild(command, () =>
    spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true }),
  );
  const stdout = collect(child.stdout, stdoutBytes);
  const stderr = collect(child.stderr, stderrBytes, onStderr);
  const { pid = 0 } = child;
  const startTime = processStat(pid)?.startTime ?? '';
  const killAll = (): Promise<void> => killTree({ roots: [{ pid, startTime }], group: pid, mark }, 0);

  let ending: Ending;
  try {
    ending = await new Promise<Ending>((resolve, reject) => {
      let stopped = false;
      const end = (code: number | null, by: NodeJS.Signals | null): void => {
        // Killed by us: then the reason is the answer, once the whole tree is gone.
        if (!stopped) resolve({ code, signal: by });
      };
      child.once('error', reject);
      child.once('close', end);
      child.once('exit', (code, by) => setTimeout(() => end(code, by), drainMs).unref());
      stopWhen({ signal, timeoutMs, command, child }, (reason) => {
        stopped = true;
        killAll().then(() => reject(reason), reject);
      });
    });
  } finally {
    child.stdout.destroy();
    child.stderr.destroy();
  }
  return { ...ending, stdout: stdout(), stderr: stderr() };
}

function stopWhen(
  {
    signal,
    timeoutMs,
    command,
    child,
  }: Pick<RunToEndOptions, 'signal' | 'timeoutMs' | 'command'> & { child: ReturnType<typeof spawn> },
  stop: (reason: Error) => void,
): void {
  const aborted = (): void => stop(signal?.reason as Error);
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          const remedy = 'Try again when the machine is less busy, or look why it hangs by running it by hand.';
          stop(new Failure('KILLED', `${command} did not end within ${timeoutMs / 1000} s.`, { remedy }));
        }, timeoutMs);
  if (signal?.aborted) aborted();
  signal?.addEventListener('abort', aborted, { once: true });
  const forget = (): void => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', aborted);
  };
  child.once('exit', forget).once('error', forget);
}

/** Keeps the end of a stream. */
function collect(stream: Readable, most: number, onText?: (text: string) => void): () => string {
  const decoder = new TextDecoder();
  let chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.length;
    // Twice the limit before cutting, so that the copying stays small.
    if (size > 2 * most) {
      const kept = Buffer.concat(chunks).subarray(-most);
      chunks = [kept];
      size = kept.length;
    }
    onText?.(decoder.decode(chunk, { stream: true }));
  });
  return () => Buffer.concat(chunks).subarray(-most).toString('utf8');
}
