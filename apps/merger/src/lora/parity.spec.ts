import { describe, expect, it } from 'vitest';
import { requireExact, type MergeParity } from './parity.js';

const good: MergeParity = {
  targets: 210,
  changed: 210,
  untouched: 62,
  foreign: 0,
  largestWeightDifference: 0,
  largestLogitDifference: 8.1e-5,
  sameNextToken: true,
};
const float32 = '{"dtype":"float32"}';
const bfloat16 = '{"torch_dtype":"bfloat16"}';

describe('requireExact', () => {
  it('accepts a merge that is exact', () => {
    expect(() => requireExact(good, float32)).not.toThrow();
  });

  it('lets sixteen bits round', () => {
    const rounded = { ...good, largestLogitDifference: 0.2, sameNextToken: false };
    expect(() => requireExact(rounded, bfloat16)).not.toThrow();
    expect(() => requireExact(rounded, float32)).toThrow(/logits differ by 0.2; the next token differs/);
  });

  it.each<[Partial<MergeParity>, RegExp]>([
    [{ targets: 0, changed: 0 }, /no targets/],
    [{ changed: 0 }, /no weight was changed/],
    [{ foreign: 2 }, /2 tensors/],
    [{ largestWeightDifference: 0.001 }, /weights differ by 0.001/],
    [{ largestWeightDifference: Number.NaN }, /weights differ/],
  ])('refuses %j', (change, message) => {
    expect(() => requireExact({ ...good, ...change }, bfloat16)).toThrow(message);
  });
});
