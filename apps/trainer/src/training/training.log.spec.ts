import { describe, expect, it } from 'vitest';
import { TrainingLog } from './training.log.js';

const line = (step: number, memory: object): object => ({ event: 'log', time: step, pid: 1, step, loss: 1, ...memory });

describe('the log of a training', () => {
  it('knows the most that was held of a GPU, over all starts', () => {
    const log = new TrainingLog();
    log.read(line(1, { memoryAllocatedGib: 1, memoryReservedGib: 3 }));
    log.read({ event: 'start', attempt: 2 });
    log.read(line(2, { memoryAllocatedGib: 2 }));
    expect(log.peakBytes).toBe(3 * 1024 ** 3);
  });

  it('knows none of a training on the CPU', () => {
    const log = new TrainingLog();
    log.read(line(1, { memoryAllocatedGib: 0, memoryReservedGib: 0 }));
    expect(log.peakBytes).toBeUndefined();
  });
});
