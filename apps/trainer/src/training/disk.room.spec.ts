import type { TrainingPlan } from '@anneal/contracts';
import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import { diskTooFull, roomNeeded } from './disk.room.js';

const plan = (change: Partial<TrainingPlan>): TrainingPlan =>
  ({ method: 'full', precision: 'float32', ...change }) as TrainingPlan;

it('knows the room that checkpoints of a full fine-tune take', () => {
  // Measured with Axolotl 0.21: a checkpoint of SmolLM2-135M in float32 has 1.6 GB.
  expect(roomNeeded(plan({}), 134_515_008) / 3).toBeCloseTo(1.6e9, -8);
});

it('knows that an adapter takes little, and never less than it really does', () => {
  const lora = { rank: 8, alpha: 16, dropout: 0 };
  const room = roomNeeded(plan({ method: 'lora', lora }), 134_515_008) / 3;
  // Measured: 33 MB for rank 8 on all linear layers of SmolLM2-135M.
  expect(room).toBeGreaterThan(30e6);
  expect(room).toBeLessThan(50e6);
});

it('says how much is missing', async () => {
  expect(await diskTooFull(tmpdir(), 0)).toBeUndefined();
  expect(await diskTooFull(tmpdir(), 1e18)).toMatchObject({
    code: 'DISK_FULL',
    message: expect.stringMatching(/has [\d.]+ GB left, and the training needs 1000000000\.0 GB/) as string,
  });
});
