import { describe, expect, it } from 'vitest';
import { decide } from './gate.js';

describe('the gate', () => {
  it.each([
    ['improved', 'improved', true],
    ['improved', 'inconclusive', false],
    ['improved', 'regressed', false],
    ['always', 'regressed', true],
    ['never', 'improved', false],
  ] as const)('when %s and the verdict is %s: published is %s', (when, verdict, published) => {
    const decision = decide(when, { verdict, reason: 'Numbers.' });
    expect(decision.publish).toBe(published);
    if (!decision.publish) expect(decision.rule).toContain(when);
  });

  it('says with the numbers which rule of the policy held a model back', () => {
    const reason =
      'A guard was lost: the tuned model is worse on manners, with 3 of 60 right instead of 40 (p = 1e-9).';
    expect(decide('improved', { verdict: 'regressed', reason })).toEqual({
      publish: false,
      rule: `publish.when is "improved", and the verdict is "regressed": ${reason}`,
    });
  });
});
