import { describe, expect, it } from 'vitest';
import { Samples } from './samples.js';

describe('samples', () => {
  it('have their percentiles by nearest rank', () => {
    const samples = new Samples();
    for (let value = 200; value >= 1; value -= 1) samples.add(value);
    expect([samples.median, samples.p99]).toEqual([100, 198]);
  });

  it('have none when nothing was measured', () => {
    expect(new Samples().median).toBeNaN();
  });
});
