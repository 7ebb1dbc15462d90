import { describe, expect, it } from 'vitest';
import { eventsUpTo, startMarkLine, TrainingLog } from './training.log.js';

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

describe('what is known of a start that goes on elsewhere', () => {
  const earlier = `${startMarkLine(1, 'one')}{"event":"log","step":1}\n`;
  const said = `${earlier}${startMarkLine(2, 'two')}{"event":"log","step":2}\n{"event":"lo`;

  it('is all up to its mark', () => {
    expect(eventsUpTo(said, 2, 'two')).toBe(`${earlier}${startMarkLine(2, 'two')}`);
  });

  it('is all that there is, and its mark, when it is not there yet', () => {
    expect(eventsUpTo(earlier, 2, 'two')).toBe(`${earlier}${startMarkLine(2, 'two')}`);
  });
});
