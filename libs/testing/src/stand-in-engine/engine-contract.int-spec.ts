import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, it } from 'vitest';
import { describeEngineContract } from '../engine-contract.js';
import { installedEngine } from '../installed-engine.js';
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
