import type { EngineEvent } from '@anneal/engine';
import { noTracer, type Tracer } from '@anneal/tracing';
import { describe, expect, it, vi } from 'vitest';
import { traceTraining } from './training.trace.js';

const step = (n: number): EngineEvent => ({ event: 'log', time: 100 + n, pid: 7, step: n, loss: n === 3 ? NaN : 0.5 });

async function trace(current: EngineEvent[], tellsEnd = true) {
  const span = noTracer.startSpan('span');
  const [addEvent, end, setAttribute] = [
    vi.spyOn(span, 'addEvent'),
    vi.spyOn(span, 'end'),
    vi.spyOn(span, 'setAttribute'),
  ];
  const startSpan = vi.fn(() => span);
  const folder = { tellsEnd: async () => tellsEnd };
  await traceTraining({ startSpan } as unknown as Tracer, folder, { current }, { code: 0, signal: null, endedAt: '' });
  return { startSpan, addEvent, end, setAttribute };
}

describe('the span of a training', () => {
  it('lasts from the first word of its process to the last', async () => {
    const { startSpan, end } = await trace([step(1), step(2)]);
    const attributes = { 'process.pid': 7, 'process.exit.code': 0 };
    const form = { startTime: new Date(101_000), attributes };
    expect(startSpan).toHaveBeenCalledWith('axolotl train', form, expect.anything());
    expect(end.mock.calls).toEqual([[new Date(102_000)]]);
  });

  it('has few of many steps, and all else that was said', async () => {
    const save: EngineEvent = {
      event: 'save',
      time: 600,
      pid: 7,
      step: 500,
      checkpoint: '/secret',
      files: 1,
      bytes: 2,
    };
    const { addEvent } = await trace([...Array.from({ length: 500 }, (_, n) => step(n + 1)), save]);
    const names = addEvent.mock.calls.map(([name]) => name);
    expect(names.filter((name) => name === 'log').length).toBeLessThanOrEqual(60);
    expect(names.at(-1)).toBe('save');
  });

  it('has numbers, and no text of its process but the kind of an error', async () => {
    const { addEvent, setAttribute } = await trace([
      step(3),
      { event: 'failed', time: 104, pid: 7, error: 'ValueError', message: 'row "secret" is bad' },
    ]);
    expect(addEvent.mock.calls.map(([, attributes]) => attributes)).toEqual([{ 'anneal.training.step': 3 }, {}]);
    expect(setAttribute.mock.calls).toEqual([['error.type', 'ValueError']]);
  });

  it('is none when the process said nothing, or its end was told before', async () => {
    expect((await trace([])).startSpan).not.toHaveBeenCalled();
    expect((await trace([step(1)], false)).startSpan).not.toHaveBeenCalled();
  });
});
