/**
 * The paired bootstrap interval of a difference in accuracy, by percentiles. A resample draws n items with replacement;
 * only how many of them were gained and lost matters, and that has a known distribution. So all resamples are summed up
 * instead of drawing some thousands: the result is what ever more of them tend to, and the same each time.
 *
 * @param gained items that only the second side got right
 * @param lost items that only the first side got right
 * @param items all items
 * @returns lower and upper end of the interval of second minus first
 */
export function bootstrapInterval(
  { gained, lost, items }: { gained: number; lost: number; items: number },
  level = 0.95,
): [number, number] {
  if (gained + lost === 0) return [0, 0];
  const chances = differenceChances(gained, lost, items);
  const tail = (1 - level) / 2;
  // Subtracted, since the negative of 0 would be -0.
  return [quantile(chances, tail) / items, 0 - quantile(mirrored(chances), tail) / items];
}

/** Chances of the differences from `least` on, one after another. */
interface Chances {
  readonly least: number;
  readonly of: Float64Array;
}

// Beyond so many standard deviations nothing is left that a double could hold beside the rest.
const deviations = 9;

/** How likely each difference (gained minus lost) is in a resample. */
function differenceChances(gained: number, lost: number, items: number): Chances {
  const logFactorials = logFactorialsUpTo(items);
  const discordant = gained + lost;
  const [fewest, most] = likely(items, discordant / items);
  const least = -most;
  const of = new Float64Array(2 * most + 1);
  for (let drawn = fewest; drawn <= most; drawn += 1) {
    const chance = binomial(logFactorials, items, drawn, discordant / items);
    const [from, to] = likely(drawn, gained / discordant);
    for (let up = from; up <= to; up += 1) {
      const place = 2 * up - drawn - least;
      of[place] = (of[place] ?? 0) + chance * binomial(logFactorials, drawn, up, gained / discordant);
    }
  }
  return { least, of };
}

/** The counts of a binomial draw that are worth looking at. */
function likely(count: number, share: number): [number, number] {
  const reach = deviations * Math.sqrt(count * share * (1 - share)) + deviations;
  return [Math.max(0, Math.floor(count * share - reach)), Math.min(count, Math.ceil(count * share + reach))];
}

function binomial(logFactorials: Float64Array, count: number, hits: number, share: number): number {
  if (share >= 1) return hits === count ? 1 : 0;
  if (share <= 0) return hits === 0 ? 1 : 0;
  const ways = (logFactorials[count] ?? 0) - (logFactorials[hits] ?? 0) - (logFactorials[count - hits] ?? 0);
  return Math.exp(ways + hits * Math.log(share) + (count - hits) * Math.log1p(-share));
}

function logFactorialsUpTo(count: number): Float64Array {
  const sums = new Float64Array(count + 1);
  for (let k = 1; k <= count; k += 1) sums[k] = (sums[k - 1] ?? 0) + Math.log(k);
  return sums;
}

/** The smallest difference that, with all below it, has at least this chance. */
function quantile({ least, of }: Chances, chance: number): number {
  let sum = 0;
  for (const [index, one] of of.entries()) {
    sum += one;
    if (sum >= chance) return least + index;
  }
  return least + of.length - 1;
}

function mirrored({ least, of }: Chances): Chances {
  return { least: -(least + of.length - 1), of: of.toReversed() };
}
