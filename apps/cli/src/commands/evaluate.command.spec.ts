import { expect, it } from 'vitest';
import { loweredShots } from './evaluate.command.js';

it('says how many questions came with fewer examples, and with how many', () => {
  const settings = { shots: 5, contextTokens: 4096, loweredShots: { '2': 1, '4': 6 } };
  expect(loweredShots(settings)).toEqual([
    '7 questions were asked with fewer than 5 examples, to fit into 4096 tokens: 6 with 4, 1 with 2.',
  ]);
  expect(loweredShots({ ...settings, loweredShots: {} })).toEqual([]);
  expect(loweredShots({ score: 'json' })).toEqual([]);
});
