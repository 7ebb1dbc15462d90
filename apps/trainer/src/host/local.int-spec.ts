import { afterAll, afterEach, beforeAll } from 'vitest';
import { TestTrainer } from '../trainer.fixture.js';
import { describeHostContract } from './host.contract.suite.js';

let trainer: TestTrainer;
beforeAll(async () => {
  trainer = await TestTrainer.start();
}, 120_000);
afterAll(() => trainer.stop());
afterEach(() => trainer.engine.setFaults({}));

describeHostContract('the local host', () => trainer);
