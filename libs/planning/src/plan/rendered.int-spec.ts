import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runToEnd } from '@anneal/compute';
import { checkManyCommand, engineProcessEnv } from '@anneal/engine';
import { installedEngine } from '@anneal/testing';
import { expect, it } from 'vitest';
import { sampleOfTrainings } from './rendered.fixture.js';

const real = installedEngine();
if (typeof real === 'string') process.stderr.write(`Configurations are not checked by Axolotl: ${real}.\n`);

// One start of Python for all of them: its imports take most of the time.
it('every configuration is valid for the installed Axolotl on the GPUs that it is for', async ({ skip }) => {
  if (typeof real === 'string') return skip(real);
  const folder = await mkdtemp(join(tmpdir(), 'anneal-rendered-'));
  try {
    const rendered = sampleOfTrainings();
    const broken = { name: 'broken', gpus: 1, config: { ...rendered[0]?.config, learning_rte: 1 } };
    const file = join(folder, 'many.jsonl');
    await writeFile(file, [...rendered, broken].map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    const { command, args } = checkManyCommand(real, file);
    const { code, stdout, stderr } = await runToEnd({
      command,
      args,
      env: engineProcessEnv(real, { home: folder }),
      cwd: folder,
      timeoutMs: 300_000,
    });
    expect(code, stderr.slice(-2000)).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      ok: false,
      errors: ['broken: the configuration has no key learning_rte, did you mean learning_rate.'],
      checked: rendered.length + 1,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 300_000);
