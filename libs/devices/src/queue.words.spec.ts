import { expect, it } from 'vitest';
import { waitingPhase, wholeMinute } from './queue.words.js';

it('says for what a training waits, and where it is in line', () => {
  expect(waitingPhase({ device: 'gpu', wanted: 2 }, 3)).toBe('waiting for 2 GPUs, third in line');
  expect(waitingPhase({ device: 'gpu', wanted: 1 }, 11)).toBe('waiting for a GPU, number 11 in line');
  expect(waitingPhase({ device: 'cpu', wanted: 1 }, 1)).toBe('waiting for the CPU, first in line');
});

it('foretells whole minutes, and never too early a one', () => {
  expect(wholeMinute(new Date('2026-01-01T10:00:01Z'))).toEqual(new Date('2026-01-01T10:01:00Z'));
  expect(wholeMinute(new Date('2026-01-01T10:00:00Z'))).toEqual(new Date('2026-01-01T10:00:00Z'));
});
