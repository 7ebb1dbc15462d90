import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseRunSpec } from '@anneal/contracts';
import { describe, expect, it } from 'vitest';
import { gpuCases } from './cases.js';
import { measuredTable, peakOf, readEvents, withTable } from './measured.js';

const log = (step: number, memoryReservedGib: number) =>
  JSON.stringify({ event: 'log', time: step, pid: 1, step, loss: 1, memoryReservedGib });

describe('what a training on a GPU took', () => {
  it('is the most that it held at any step', () => {
    const events = readEvents([log(1, 2), 'no event', log(2, 3.5), log(3, 3), '{"event":"log"'].join('\n'));
    expect(events).toHaveLength(3);
    expect(peakOf(events)).toBe(3.5 * 1024 ** 3);
    expect(peakOf([])).toBeUndefined();
  });

  it('stands beside the estimate, and so does what failed or was left out', () => {
    const table = measuredTable('1 x GPU:', [
      { name: 'lora', outcome: { kind: 'measured', estimated: 2e9, peak: 2.5e9, steps: 8, seconds: 31.4 } },
      { name: 'full', outcome: { kind: 'failed', code: 'GPU_OUT_OF_MEMORY', detail: 'tried | 5 GB' } },
      { name: 'fsdp', outcome: { kind: 'skipped', why: 'it needs two GPUs' } },
    ]);
    expect(table.split('\n').slice(-3)).toEqual([
      '| lora | 2.0 GB | 2.5 GB | 1.25 | 8 | 31 s |',
      '| full |  |  |  |  | GPU_OUT_OF_MEMORY: tried / 5 GB |',
      '| fsdp |  |  |  |  | skipped: it needs two GPUs |',
    ]);
  });

  it('replaces what was measured before, in the document that has a place for it', () => {
    const document = readFileSync(join(import.meta.dirname, '../../../docs/training.md'), 'utf8');
    const once = withTable(document, 'first');
    expect(withTable(once, 'second')).toBe(withTable(document, 'second'));
    expect(withTable(once, 'second')).not.toContain('first\n');
    expect(() => withTable('no place', 'x')).toThrow('<!-- measured -->');
  });
});

describe('the trainings that are tried', () => {
  it('are valid, and those that this machine cannot do say why', () => {
    const cases = gpuCases({ gpus: 1, deepspeed: true });
    for (const { training } of cases) {
      const spec = { model: { base: 'a/b' }, dataset: { source: 'a/b' }, training };
      expect(parseRunSpec(spec)).toMatchObject({ ok: true });
    }
    expect(cases.filter(({ skipped }) => skipped === undefined).map(({ name }) => name)).toEqual([
      'lora, one GPU',
      'qlora, one GPU',
      'full, one GPU',
    ]);
    const without = gpuCases({ gpus: 2, deepspeed: false }).filter(({ skipped }) => skipped !== undefined);
    expect(without.map(({ skipped }) => skipped)).toEqual(['deepspeed is not installed', 'deepspeed is not installed']);
  });
});
