/**
 * Holm's step-down correction for several tests that are looked at together.
 *
 * @returns the adjusted p-values, in the order given; below alpha they are significant with a chance of at most alpha
 *   that any of them is so by luck
 */
export function holm(pValues: readonly number[]): number[] {
  const ordered = pValues.map((p, index) => ({ p, index })).toSorted((a, b) => a.p - b.p);
  const adjusted = new Array<number>(pValues.length).fill(1);
  let largest = 0;
  ordered.forEach(({ p, index }, rank) => {
    largest = Math.max(largest, Math.min(1, p * (pValues.length - rank)));
    adjusted[index] = largest;
  });
  return adjusted;
}
