/** So many GPUs, and when they are free again at the latest, if that is known. */
export interface Holding {
  readonly gpus: number;
  readonly endsAt: number | undefined;
}

/** What is kept for the first job that does not fit. */
export interface Reservation {
  /** When it can start at the latest; undefined when that depends on jobs without a limit. */
  readonly at: number | undefined;
  /** GPUs that it does not miss even when they are never given back. */
  readonly spare: number;
}

/**
 * When `needed` GPUs are free, and how many more are then. With limits this is EASY backfill (Lifka 1995,
 * https://doi.org/10.1007/3-540-60153-8_35). Without, any of the jobs may end next: then only so many are spare as are
 * left over in the least favourable order of ends.
 */
export function reserve(needed: number, free: number, holdings: readonly Holding[]): Reservation {
  const limited = holdings.filter((holding): holding is Holding & { endsAt: number } => holding.endsAt !== undefined);
  let sum = free;
  for (const { gpus, endsAt } of limited.toSorted((a, b) => a.endsAt - b.endsAt)) {
    sum += gpus;
    if (sum < needed) continue;
    const then = limited.reduce((all, other) => all + (other.endsAt <= endsAt ? other.gpus : 0), free);
    return { at: endsAt, spare: then - needed };
  }
  const enough = [...possibleSums(holdings)].filter((freed) => free + freed >= needed);
  return { at: undefined, spare: Math.min(...enough) + free - needed };
}

/** Takes one more job in front of the reservation; undefined when it could delay what is reserved. */
export function backfill({ at, spare }: Reservation, { gpus, endsAt }: Holding): Reservation | undefined {
  if (at !== undefined && endsAt !== undefined && endsAt <= at) return { at, spare };
  return gpus <= spare ? { at, spare: spare - gpus } : undefined;
}

/** How many GPUs the jobs can have given back, whichever of them end. */
function possibleSums(holdings: readonly Holding[]): Set<number> {
  const sums = new Set([0]);
  for (const { gpus } of holdings) for (const sum of [...sums]) sums.add(sum + gpus);
  return sums;
}
