import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runToEnd } from '@anneal/compute';
import { Failure } from '@anneal/contracts';
import { lmEvalCommand, lmEvalProcessEnv, type EngineLocation, type LmEvalOptions } from '@anneal/engine';
import { readSamples, type HarnessItem } from './samples.js';

export interface HarnessRun extends Omit<LmEvalOptions, 'output' | 'cache'> {
  readonly engine: EngineLocation;
  /** Where the packages of lm-eval lie. */
  readonly packages: string;
  /** Whether the data of the task may be fetched from the Hub. */
  readonly online: boolean;
  readonly threads: number;
  readonly gpus: readonly number[];
  /** A run with the same folder goes on where a killed one was. */
  readonly directory: string;
  readonly signal: AbortSignal;
  /** Gets what lm-eval says of its progress. */
  readonly onLog?: (text: string) => void;
}

/**
 * Runs a task of lm-eval, with its prompts and its scoring, and reads the result item by item.
 *
 * @throws Failure BENCHMARK_INVALID with lm-eval's last words when it does not come to its end
 */
export async function runHarness(run: HarnessRun): Promise<{ items: HarnessItem[]; metric: string }> {
  const { engine, packages, online, threads, gpus, directory, signal, onLog, task } = run;
  const home = join(directory, 'home');
  const output = join(directory, 'out');
  await mkdir(home, { recursive: true });
  // Only answers are kept from an earlier run; its results would be read as those of this one.
  await rm(output, { recursive: true, force: true });
  const { code, stderr, stdout } = await runToEnd({
    ...lmEvalCommand(engine, { ...run, output, cache: join(directory, 'answers') }),
    env: lmEvalProcessEnv(engine, { home, threads, gpus, packages, online }),
    cwd: directory,
    signal,
    ...(onLog ? { onStderr: onLog } : {}),
  });
  if (code !== 0) throw ended(task, code, `${stdout}\n${stderr}`);
  const file = (await readdir(output, { recursive: true })).find((name) => /(^|\/)samples_[^/]*\.jsonl$/.test(name));
  if (file === undefined) throw ended(task, code, 'it wrote no samples');
  return readSamples(await readFile(join(output, file), 'utf8'), task);
}

function ended(task: string, code: number | null, log: string): Failure {
  const lastLine = log.trim().split('\n').at(-1) ?? '';
  return new Failure(
    'BENCHMARK_INVALID',
    `lm-eval did not run the task ${task} (status ${code}): ${lastLine.slice(0, 500)}`,
    {
      remedy:
        'Check the name of the task, that its data can be reached, and that the model can be asked for likelihoods.',
    },
  );
}
