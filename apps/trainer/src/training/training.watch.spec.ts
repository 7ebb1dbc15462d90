import type { TrainingPlan } from '@anneal/contracts';
import { describe, expect, it } from 'vitest';
import { limitMarkLine, TrainingLog } from './training.log.js';
import { exploded, overTime, Silence, stalled, wrongWorld } from './training.watch.js';

const limits = { startSeconds: 1000, silentSeconds: 60, reservedBytes: 0, maxHours: undefined };
const log = (losses: readonly (number | string)[], secondsAStep = 1): TrainingLog => {
  const read = new TrainingLog();
  const base = { pid: 1, step: 0 };
  read.read({ ...base, event: 'trainBegin', time: 0, maxSteps: 1000, epochs: 1, worldSize: 2, outputDir: 'o' });
  losses.forEach((loss, index) =>
    read.read({ ...base, event: 'log', step: index + 1, time: (index + 1) * secondsAStep, loss }),
  );
  return read;
};

describe('a training that says nothing', () => {
  it('may load for long, and no longer', () => {
    expect(stalled(log([]), 999, limits)).toBeUndefined();
    expect(stalled(log([]), 1001, limits)).toMatchObject({
      code: 'STALLED',
      message: 'The training has said nothing for 1001 s before its first step.',
    });
  });

  it('is given twenty of its usual steps, and the least time when those are short', () => {
    expect(stalled(log([1, 1, 1, 1]), 59, limits)).toBeUndefined();
    expect(stalled(log([1, 1, 1, 1]), 61, limits)).toMatchObject({ code: 'STALLED', retryable: true });
    expect(stalled(log([1, 1, 1, 1], 30), 599, limits)).toBeUndefined();
    expect(stalled(log([1, 1, 1, 1], 30), 601, limits)).toMatchObject({ code: 'STALLED' });
  });

  it('may take as long to save as it may to start', () => {
    const saving = log([1, 1, 1, 1]);
    saving.read({ event: 'trainEnd', time: 9, pid: 1, step: 4, maxSteps: 4, stopped: false });
    expect(stalled(saving, 900, limits)).toBeUndefined();
  });

  it('is silent since its last word, and not while nothing is expected', () => {
    const silence = new Silence(0);
    expect(silence.since(undefined, 5_000)).toBe(0);
    expect(silence.since(1, 6_000)).toBe(0);
    expect(silence.since(1, 9_000)).toBe(3);
    expect(silence.since(2, 10_000)).toBe(0);
  });
});

describe('a loss', () => {
  const falling = Array.from({ length: 40 }, (_, index) => 2 * Math.exp(-index / 20));

  it('may fall, be noisy, and be high for a step', () => {
    expect(exploded(log(falling))).toBeUndefined();
    expect(exploded(log(falling.map((loss, index) => loss * (index % 2 === 0 ? 0.4 : 2))))).toBeUndefined();
    expect(exploded(log([...falling, 30, 30]))).toBeUndefined();
  });

  it('that is small may become several times as large', () => {
    expect(exploded(log([...falling, ...Array.from({ length: 5 }, () => 1.9)]))).toBeUndefined();
  });

  it('has exploded when it stays far above all that was before', () => {
    const failure = exploded(log([...falling, ...Array.from({ length: 5 }, () => 9)]));
    expect(failure).toMatchObject({ code: 'LOSS_EXPLODED', message: 'The loss rose from 0.314 to 9.' });
  });

  it('is not judged before there is enough of it', () => {
    expect(exploded(log([1, 1, 1, 1, 90, 90, 90]))).toBeUndefined();
  });
});

describe('the run time of a training', () => {
  const limit = { maxHours: 0.5 };

  it('is over when it has run for so long, over all starts, its silence included', () => {
    const slow = log([1, 1, 1], 500);
    expect(slow.secondsOfLimit).toBe(1500);
    expect(overTime(slow, 300, limit)).toBeUndefined();
    expect(overTime(slow, 301, limit)).toMatchObject({
      code: 'RUN_TIME_EXCEEDED',
      message: 'The training ran for the 0.5 hours that it was allowed.',
      retryable: false,
    });
    slow.read({ event: 'start', attempt: 2 });
    expect(overTime(slow, 301, limit)).toMatchObject({ field: 'training.maxHours' });
    expect(overTime(slow, 1e9, { maxHours: undefined })).toBeUndefined();
  });

  it('begins anew when it was up, since who tries the run again gives it as much once more', () => {
    const ended = log([1, 1, 1], 600);
    ended.read(JSON.parse(limitMarkLine()));
    expect(ended.secondsOfLimit).toBe(0);
    expect(overTime(ended, 1, limit)).toBeUndefined();
  });
});

describe('the processes of a training', () => {
  it('are as many as were planned', () => {
    expect(wrongWorld(log([]), { processes: 2 } as TrainingPlan)).toBeUndefined();
    expect(wrongWorld(log([]), { processes: 4 } as TrainingPlan)).toMatchObject({
      message: '4 processes were planned, and 2 train.',
    });
    expect(wrongWorld(new TrainingLog(), { processes: 4 } as TrainingPlan)).toBeUndefined();
  });
});
