import { describe, expect, it } from 'vitest';
import { demandMetric, readSamples, usualMetric } from './samples.js';

// Lines as the engine's script writes them of what lm-eval 0.4.13 gave for the two kinds of tasks.
const chosen = {
  id: '0',
  task: 'sums',
  digest: '6b62',
  prompt: 'What is 1 + 1?\nAnswer:',
  expected: '0',
  filter: 'none',
  metrics: { acc: 1.0, acc_norm: 0.0 },
  resps: [[['-7.9', 'False']], [['-8.1', 'False']]],
  filtered: [
    ['-7.9', 'False'],
    ['-8.1', 'False'],
  ],
};
const written = {
  id: '3',
  task: 'sums',
  digest: '6b63',
  prompt: 'What is 1 + 1?\nAnswer:',
  expected: ' 2',
  filter: 'strict-match',
  metrics: { exact_match: 0 },
  resps: [[' three']],
  filtered: [' three'],
};
const source = (...lines: object[]) => lines.map((line) => `${JSON.stringify(line)}\n`).join('');
const read = (...lines: object[]) => readSamples(source(...lines), { task: 'sums' });

describe('items of lm-eval', () => {
  it('are read from tasks that choose and from tasks that write', () => {
    expect(read(chosen)).toEqual({
      metric: 'acc',
      items: [
        {
          id: '0',
          task: 'sums',
          prompt: 'What is 1 + 1?\nAnswer:',
          expected: '0',
          text: '[[["-7.9","False"]],[["-8.1","False"]]]',
          outcome: 'correct',
          digest: '6b62',
        },
      ],
    });
    expect(read(written).items[0]).toMatchObject({ id: '3', text: ' three', expected: ' 2', outcome: 'wrong' });
  });

  it('are those of all tasks of a group, each by a metric and a filter of its own', () => {
    const found = { ...written, filter: 'flexible-extract', metrics: { exact_match: 1 } };
    const { items, metric } = read({ ...chosen, task: 'picks', id: 'picks/0' }, written, found);
    expect(items.map(({ id, task, outcome }) => [id, task, outcome])).toEqual([
      ['picks/0', 'picks', 'correct'],
      ['3', 'sums', 'wrong'],
    ]);
    expect(metric).toBe('acc, exact_match');
  });

  it('are judged by the metric that is named', () => {
    expect(readSamples(source(chosen), { task: 'sums', metric: 'acc_norm' })).toMatchObject({
      metric: 'acc_norm',
      items: [{ outcome: 'wrong' }],
    });
  });

  it('are unparsed where a filter found nothing, and read by the first of several filters', () => {
    const found = { ...written, filter: 'flexible-extract', metrics: { exact_match: 1 } };
    expect(read({ ...written, filtered: ['[invalid]'] }, found).items).toMatchObject([{ outcome: 'unparsed' }]);
  });

  it('are refused when the task does not say right or wrong, or has none', () => {
    expect(() => read({ ...written, metrics: { bleu: 0.31 } })).toThrow(
      'The task sums is scored by bleu, which says of no single item whether it is right.',
    );
    // A share of what was asked is no right or wrong, and neither is a number that is none.
    expect(() => read({ ...written, metrics: { rouge: 0.5, exact_match: null } })).toThrow('The task sums');
    expect(() => read()).toThrow('The task sums has no item.');
  });
});

describe('a metric of a task', () => {
  it('is exact_match or acc where none is named, and never one of all answers together', () => {
    expect(usualMetric(['acc_norm', 'acc'])).toBe('acc');
    expect(usualMetric(['f1', 'em'])).toBe('em');
    expect(usualMetric(['bleu'])).toBeUndefined();
  });

  const task = { task: 'sums', metrics: ['acc', 'f1'] };

  it('has to be one of the task, and one of single items', () => {
    expect(() => demandMetric(task, 'acc', 'f')).not.toThrow();
    expect(() => demandMetric(task, undefined, 'f')).not.toThrow();
    expect(() => demandMetric(task, 'acc_norm', 'f')).toThrow('The task sums has no metric acc_norm, but acc, f1.');
    expect(() => demandMetric(task, 'f1', 'f')).toThrow('is scored by f1, which says of no single item');
    expect(() => demandMetric({ ...task, metrics: ['perplexity'] }, undefined, 'f')).toThrow('is scored by perplexity');
  });
});
