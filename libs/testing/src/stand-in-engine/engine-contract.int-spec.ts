import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, it } from 'vitest';
import { describeEngineContract } from '../engine-contract.js';
import { makeStandInEngine } from './stand-in-engine.js';

const folder = await mkdtemp(join(tmpdir(), 'anneal-stand-in-'));
afterAll(() => rm(folder, { recursive: true, force: true }));
const standIn = await makeStandInEngine(folder);
// Slow enough that a stop file is seen between two steps.
await standIn.setFaults({ stepMs: 100 });
describeEngineContract('the stand-in', { ...standIn, timeoutMs: 20_000 });

const real = installedEngine();
if (typeof real === 'string') {
  describe('the contract of Axolotl', () => {
    it('is passed by the real engine', ({ skip }) => skip(real));
  });
  process.stderr.write(`The contract of the real engine is not checked: ${real}.\n`);
} else {
  describeEngineContract('Axolotl', { ...real, timeoutMs: 600_000 });
}

/** The engine and the demo model where the installers put them, or why there is none. */
function installedEngine(): { python: string; model: string } | string {
  const { ANNEAL_CACHE, XDG_CACHE_HOME } = process.env;
  const cache = ANNEAL_CACHE ?? join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'anneal');
  const names = (directory: string): string[] => (existsSync(directory) ? readdirSync(directory) : []);
  const engine = names(cache).find((name) => name.startsWith('engine-') && existsSync(join(cache, name, '.ok')));
  const model = names(join(cache, 'models')).find((name) =>
    existsSync(join(cache, 'models', name, 'model.safetensors')),
  );
  if (engine === undefined) return `there is no engine in ${cache}`;
  if (model === undefined) return `there is no demo model in ${cache}`;
  return { python: join(cache, engine, 'bin', 'python'), model: join(cache, 'models', model) };
}
