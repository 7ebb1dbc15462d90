import { TrainingCompleted, TrainingStarted } from '@anneal/contracts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TestTrainer } from '../trainer.fixture.js';

let trainer: TestTrainer;
beforeAll(async () => {
  trainer = await TestTrainer.startInCluster({ CHECKPOINT_UPLOAD_SECONDS: '1' });
}, 120_000);
afterAll(() => trainer.stop());
afterEach(() => trainer.engine.setFaults({}));

describe('a training in a cluster', () => {
  it('runs as one Job and ends with the artifact that it has on a machine', async () => {
    await trainer.prepare('plain', { epochs: 2, checkpointEvery: 5 });
    const { training } = await trainer.word(TrainingCompleted, 'plain');
    const started = await trainer.word(TrainingStarted, 'plain');
    expect(training).toMatchObject({ plan: started.plan, steps: 16, resumed: 0, engine: { axolotl: 'stand-in' } });
  });
});
