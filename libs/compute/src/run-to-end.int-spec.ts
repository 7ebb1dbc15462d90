import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { detectGpus } from './gpus.js';
import { processStat } from './proc.js';
import { runToEnd } from './run-to-end.js';

const node = process.execPath;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-run-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A tool that starts a session leader of its own and waits; both pids are in the file. */
const withGrandchild = (path: string): string[] => [
  '-e',
  `const { spawn } = require('node:child_process');
   const child = spawn(process.execPath, ['-e', 'setInterval(() => 0, 1000)'], { detached: true, stdio: 'inherit' });
   require('node:fs').writeFileSync(${JSON.stringify(path)}, process.pid + ' ' + child.pid);
   setInterval(() => 0, 1000);`,
];
const pidsIn = async (path: string): Promise<number[]> =>
  (await readFile(path, 'utf8').catch(() => '')).split(' ').map(Number);
const living = (pid: number): boolean => processStat(pid)?.dead === false;

/** How it fails in a process that has taken all descriptors that it may have. */
async function withoutDescriptors(): Promise<unknown> {
  const script = `
    import { openSync } from 'node:fs';
    import { runToEnd } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)};
    try { for (;;) openSync('/dev/null'); } catch {}
    const failed = await runToEnd({ command: 'true', args: [] }).catch((error) => error);
    console.log(JSON.stringify({ name: failed.name, ...failed.toDetail?.() }));
    process.exit();`;
  const hooks = new URL('../test/source-hooks.mjs', import.meta.url).href;
  const flags = [`--import=${hooks}`, '--conditions=@anneal/source', '--input-type=module'];
  const limited = ['-c', 'ulimit -n 100; exec "$@"', 'sh', node, ...flags, '-e', script];
  const { stdout } = await runToEnd({ command: 'sh', args: limited, cwd: import.meta.dirname });
  return JSON.parse(stdout);
}

describe('runToEnd', () => {
  it('takes what the tool says, with exactly the given environment and arguments', async () => {
    const pieces: string[] = [];
    const result = await runToEnd({
      command: node,
      args: [
        '-e',
        'console.log(process.argv[1], process.env.A, process.env.HOME); console.error("ü"); process.exit(3)',
        '$(id) "',
      ],
      env: { A: 'a' },
      cwd: folder,
      onStderr: (text) => pieces.push(text),
    });
    expect(result).toEqual({ code: 3, signal: null, stdout: '$(id) " a undefined\n', stderr: 'ü\n' });
    expect(pieces.join('')).toBe('ü\n');
  });

  it('keeps the end of an endless output', async () => {
    const script = 'process.stderr.write("x".repeat(5e6)); process.stderr.write("END")';
    const { stderr } = await runToEnd({ command: node, args: ['-e', script] });
    expect([stderr.length, stderr.slice(-4)]).toEqual([1024 * 1024, 'xEND']);
  });

  it('kills the whole tree when it is aborted, and when it takes too long', async () => {
    const path = join(folder, 'pids');
    const abort = new AbortController();
    const running = runToEnd({ command: node, args: withGrandchild(path), signal: abort.signal });
    await expect.poll(() => pidsIn(path), { timeout: 10_000 }).toHaveLength(2);
    const pids = await pidsIn(path);
    expect(pids.map(living)).toEqual([true, true]);
    abort.abort(new Error('cancelled'));
    await expect(running).rejects.toThrow('cancelled');
    expect(pids.map(living)).toEqual([false, false]);
    const slow = runToEnd({ command: node, args: ['-e', 'setInterval(() => 0, 1000)'], timeoutMs: 200 });
    await expect(slow).rejects.toMatchObject({ code: 'KILLED', retryable: true });
  });

  it('does not wait for what a finished tool left running', async () => {
    const script = `require('node:child_process').spawn('sleep', ['3'], { stdio: 'inherit' }).unref(); console.log('done')`;
    const started = performance.now();
    expect((await runToEnd({ command: node, args: ['-e', script] })).stdout).toBe('done\n');
    expect(performance.now() - started).toBeLessThan(2800);
  });

  it('says that no more can be started, and not that the tool is missing', async () => {
    expect(await withoutDescriptors()).toMatchObject({
      code: 'INTERNAL',
      retryable: true,
      remedy: expect.stringMatching(/limit of open files/) as string,
    });
  });

  it('says when there is no such tool', async () => {
    await expect(runToEnd({ command: 'no-such-tool', args: [] })).rejects.toMatchObject({ code: 'ENGINE_MISSING' });
    expect(await detectGpus()).toBeInstanceOf(Array);
  });
});
