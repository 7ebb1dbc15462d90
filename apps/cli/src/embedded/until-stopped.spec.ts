import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { untilStopped } from './until-stopped.js';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const ended = vi.fn<(code?: number | string | null) => void>();
beforeEach(() => {
  ended.mockClear();
  vi.spyOn(process, 'exit').mockImplementation((code) => ended(code) as never);
});
afterEach(() => {
  vi.restoreAllMocks();
  for (const signal of signals) process.removeAllListeners(signal);
});

describe('what runs until it is stopped', () => {
  it.each(signals)('is stopped by %s', async (signal) => {
    const { stopped } = untilStopped(() => undefined);
    process.emit(signal, signal);
    await stopped;
    expect(ended).not.toHaveBeenCalled();
  });

  it('ends at once when it is told so a second time', () => {
    untilStopped(() => undefined);
    for (const signal of ['SIGINT', 'SIGINT'] as const) process.emit(signal, signal);
    expect(ended).toHaveBeenCalledWith(130);
  });

  it('stops in its own time when its terminal is closed, however often that is said', () => {
    untilStopped(() => undefined);
    for (const signal of ['SIGHUP', 'SIGHUP'] as const) process.emit(signal, signal);
    expect(ended).not.toHaveBeenCalled();
  });
});
