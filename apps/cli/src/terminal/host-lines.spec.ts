import { expect, it } from 'vitest';
import { hostLines } from './host-lines.js';

const now = new Date('2026-01-01T12:00:00Z');
const use = { stage: 'trainer', project: 'math', since: '2026-01-01T11:00:00Z', expectedEnd: '2026-01-01T12:30:00Z' };
const host = { name: 'one', seenAt: now.toISOString(), services: ['trainer'], cpu: {} };
const gpu = { index: 0, name: 'RTX 6000 Ada', memoryMiB: 49_140 };

it('shows who has which GPU, and who waits for how long', () => {
  const waiting = {
    ...{
      runId: 'r-2',
      stage: 'evaluator',
      project: 'law',
      device: 'gpu' as const,
      wanted: 1,
      priority: 2,
      position: 1,
    },
    ...{ since: '2026-01-01T11:57:00Z', startsAt: '2026-01-01T12:30:00Z', reservedOn: 'one' },
  };
  const text = hostLines({ hosts: [{ ...host, gpus: [{ ...gpu, use }] }], queue: [waiting] }, now).join('\n');
  expect(text).toMatch(/one +GPU 0 +RTX 6000 Ada +52 GB +trainer +math/);
  expect(text).toMatch(/1 +1 GPU +evaluator of r-2 +law +2 .*one/);
});

it('says that nobody waits, and that there is no host', () => {
  expect(hostLines({ hosts: [{ ...host, gpus: [] }], queue: [] }, now).at(-1)).toBe('Nobody waits.');
  expect(hostLines({ hosts: [], queue: [] }, now)).toHaveLength(1);
});
