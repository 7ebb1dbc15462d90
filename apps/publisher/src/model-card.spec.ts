import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { evaluated } from './__fixtures__/evaluated.js';
import { modelCard } from './model-card.js';

describe('the model card', () => {
  const card = modelCard('run-1', evaluated());

  it('begins with front matter that the Hub reads', () => {
    const frontMatter: unknown = parse(card.split('---\n')[1] ?? '');
    expect(frontMatter).toMatchObject({ library_name: 'transformers', tags: ['anneal', 'lora'] });
  });

  it('says what was measured, on what, and from what', () => {
    for (const fact of [
      'Verdict: improved',
      '| own-set | 60 | 1.7 % | 88.3 % | +86.7 | +78.0 to +95.0 | 52 | 0 |',
      '`publish.when` is `improved`',
      '400 rows to train on',
      'rank 16',
      'seed 42',
      'f'.repeat(64),
    ]) {
      expect(card).toContain(fact);
    }
  });

  it('says which items the numbers are not about', () => {
    const input = evaluated();
    const results = input.evaluation.results.map((result) => ({
      ...{ ...result, sampledFrom: 500 },
      tuned: { ...result.tuned, failed: 2 },
    }));
    const partly = modelCard('run-1', { ...input, evaluation: { ...input.evaluation, results } });
    expect(partly).toContain('\nown-set: a seeded sample of its 500 items; the interval is that of 60.\n');
    expect(partly).toContain('items that could not be asked are left out, 0 of the base and 2 of the tuned model.');
    expect(card).not.toMatch(/sample|left out,/);
  });

  it('says what the verdict was when it did not have to be a good one, and what to be careful with', () => {
    const input = evaluated({ when: 'always' }, 'regressed');
    const message = "Nothing to compare was found in 40 % of the tuned model's answers to own-set.";
    const evaluation = { ...input.evaluation, alarms: [{ kind: 'unparsed' as const, message }] };
    const loud = modelCard('run-1', { ...input, evaluation });
    for (const fact of ['Verdict: regressed', '`publish.when` is `always`', `- ${message}`])
      expect(loud).toContain(fact);
    expect(card).not.toContain('Look at this first');
  });

  it('tells nothing of the host on which the run was made, and nothing that opens an address', () => {
    expect(card).not.toContain('/home/somebody');
    const input = evaluated();
    const source = 'https://bucket.example.com/team/train.jsonl?X-Amz-Signature=0123abcd';
    const fetched = modelCard('run-1', { ...input, dataset: { ...input.dataset, source } });
    expect(fetched).toContain('`https://bucket.example.com/team/train.jsonl`');
    expect(fetched).not.toContain('0123abcd');
  });
});
