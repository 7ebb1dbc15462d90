import { createHash } from 'node:crypto';

/**
 * Chooses items so that each subject keeps its share, and leaves them in their order. The same seed chooses the same ones,
 * wherever and whenever.
 */
export function stratifiedSample<T>(
  items: readonly T[],
  {
    limit,
    seed,
    idOf,
    subjectOf,
  }: {
    limit: number | undefined;
    seed: number;
    idOf: (item: T) => string;
    subjectOf: (item: T) => string;
  },
): readonly T[] {
  if (limit === undefined || limit >= items.length) return items;
  const subjects = groupBy(items, subjectOf);
  const shares = sharesOf(
    [...subjects.values()].map(({ length }) => length),
    limit,
  );
  const chosen = new Set(
    [...subjects.values()].flatMap((members, index) => {
      const drawn = members.map((item) => ({ item, lot: lotOf(seed, idOf(item)) }));
      return drawn
        .toSorted((a, b) => (a.lot < b.lot ? -1 : 1))
        .slice(0, shares[index] ?? 0)
        .map(({ item }) => item);
    }),
  );
  return items.filter((item) => chosen.has(item));
}

/** Groups in the order in which they first occur. */
export function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

/** Largest remainders: whole shares in proportion to the sizes, which add up to the total. */
function sharesOf(sizes: readonly number[], total: number): number[] {
  const all = sizes.reduce((sum, size) => sum + size, 0);
  const exact = sizes.map((size) => (size * total) / all);
  const shares = exact.map(Math.floor);
  const left = total - shares.reduce((sum, share) => sum + share, 0);
  const byRemainder = exact
    .map((share, index) => ({ index, remainder: share - Math.floor(share) }))
    .toSorted((a, b) => b.remainder - a.remainder || a.index - b.index);
  for (const { index } of byRemainder.slice(0, left)) shares[index] = (shares[index] ?? 0) + 1;
  return shares;
}

function lotOf(seed: number, id: string): string {
  return createHash('sha256').update(`${seed}/${id}`).digest('hex');
}
