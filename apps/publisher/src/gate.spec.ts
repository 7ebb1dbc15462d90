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
    const decision = decide(when, verdict);
    expect(decision.publish).toBe(published);
    if (!decision.publish) expect(decision.rule).toContain(when);
  });
});
