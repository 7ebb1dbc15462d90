import { describe, expect, it } from 'vitest';
import { scoreNamed } from '../scoring/score.js';
import type { Questions } from './benchmark.js';
import { sampled } from './sampling.js';

function questions(groups: Record<string, number>): Questions {
  const items = Object.entries(groups).flatMap(([group, count]) =>
    Array.from({ length: count }, (_, index) => {
      const item = { id: `${group}-${index}`, prompt: { prompt: group }, expected: 'x' };
      return group === '' ? item : { ...item, group };
    }),
  );
  return { items, answerTokens: 1, stop: [], score: scoreNamed('exact'), settings: { a: 1 } };
}
const ids = (of: Questions): string[] => of.items.map(({ id }) => id);
function counted({ items }: Questions): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { group = '' } of items) counts[group] = (counts[group] ?? 0) + 1;
  return counts;
}

describe('a sample of a benchmark', () => {
  it('has its share of every group, and says so', () => {
    const sample = sampled(questions({ math: 600, law: 300, art: 100 }), 20);
    expect(counted(sample)).toEqual({ math: 12, law: 6, art: 2 });
    expect(sample.settings).toEqual({ a: 1, sample: { items: 20, of: 1000, groups: 3, seed: 42 } });
  });
  it('has as many items as asked for, also where shares do not come out even', () => {
    expect(counted(sampled(questions({ a: 3, b: 3, c: 4 }), 5))).toEqual({ a: 2, b: 1, c: 2 });
    expect(sampled(questions({ a: 1, b: 1, c: 98 }), 3).items).toHaveLength(3);
  });
  it('is the same each time, spread over the set, and keeps its order', () => {
    const all = questions({ '': 1000 });
    const sample = ids(sampled(all, 100));
    expect(ids(sampled(questions({ '': 1000 }), 100))).toEqual(sample);
    expect(sample).toEqual(ids(all).filter((id) => sample.includes(id)));
    const half = sample.filter((id) => Number(id.slice(1)) < 500).length;
    expect(half).toBeGreaterThan(35);
    expect(half).toBeLessThan(65);
  });
  it('of a larger size has all of the smaller one', () => {
    const all = questions({ '': 200 });
    expect(ids(sampled(all, 50))).toEqual(expect.arrayContaining(ids(sampled(all, 20))));
  });
  it('is everything when that is not too much', () => {
    const all = questions({ a: 3 });
    expect(sampled(all, 3)).toBe(all);
    expect(sampled(all, undefined)).toBe(all);
  });
});
