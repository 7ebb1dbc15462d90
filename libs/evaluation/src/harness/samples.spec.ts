import { describe, expect, it } from 'vitest';
import { readSamples } from './samples.js';

// Lines as lm-eval 0.4.13 wrote them for the two kinds of tasks, cut to what is read.
const chosen = {
  doc_id: 0,
  target: '0',
  arguments: {
    gen_args_0: { arg_0: 'What is 1 + 1?\nAnswer:', arg_1: '  2' },
    gen_args_1: { arg_0: 'x', arg_1: '  3' },
  },
  resps: [[['-7.9', 'False']], [['-8.1', 'False']]],
  filtered_resps: [
    ['-7.9', 'False'],
    ['-8.1', 'False'],
  ],
  filter: 'none',
  metrics: ['acc'],
  prompt_hash: '6b62',
  acc: 1,
};
const written = {
  doc_id: 3,
  target: ' 2',
  arguments: { gen_args_0: { arg_0: 'What is 1 + 1?\nAnswer:', arg_1: { until: ['\n'] } } },
  resps: [[' three']],
  filtered_resps: [' three'],
  filter: 'strict-match',
  metrics: ['exact_match'],
  prompt_hash: '6b63',
  exact_match: 0,
};
const read = (...lines: object[]) => readSamples(lines.map((line) => `${JSON.stringify(line)}\n`).join(''), 'sums');

describe('items of lm-eval', () => {
  it('are read from tasks that choose and from tasks that write', () => {
    expect(read(chosen)).toEqual({
      metric: 'acc',
      items: [
        {
          id: '0',
          prompt: 'What is 1 + 1?\nAnswer:',
          expected: '0',
          text: '[[["-7.9","False"]],[["-8.1","False"]]]',
          outcome: 'correct',
          promptDigest: '6b62',
        },
      ],
    });
    expect(read(written).items[0]).toMatchObject({ id: '3', text: ' three', expected: ' 2', outcome: 'wrong' });
  });
  it('are unparsed where a filter found nothing, and read by the first of several filters', () => {
    const found = { ...written, filter: 'flexible-extract', exact_match: 1 };
    expect(read({ ...written, filtered_resps: ['[invalid]'] }, found).items).toMatchObject([{ outcome: 'unparsed' }]);
  });
  it('are refused when the task does not say right or wrong, or has none', () => {
    expect(() => read({ ...written, metrics: ['bleu'], exact_match: undefined, bleu: 0.31 })).toThrow(
      'The task sums is scored by bleu, which is no right or wrong.',
    );
    expect(() => read()).toThrow('The task sums has no item.');
  });
});
