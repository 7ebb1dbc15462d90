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
      '| own-set | 60 | 1.7 % | 88.3 % | 52 | 0 |',
      '400 rows to train on',
      'rank 16',
      'seed 42',
      'f'.repeat(64),
    ]) {
      expect(card).toContain(fact);
    }
  });

  it('tells nothing of the host on which the run was made', () => {
    expect(card).not.toContain('/home/somebody');
  });
});
