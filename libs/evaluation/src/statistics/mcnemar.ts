/**
 * The exact McNemar test, two-sided: how likely a split of the discordant pairs at least this uneven would be if each of
 * them could have fallen on either side. Pairs on which both agree say nothing about a difference and do not enter.
 *
 * @param gained pairs that only the second side got right
 * @param lost pairs that only the first side got right
 * @returns p between 0 and 1; 1 when there are no discordant pairs
 */
export function mcnemarExact(gained: number, lost: number): number {
  // Twice the tail would count the middle twice.
  if (gained === lost) return 1;
  const discordant = BigInt(gained + lost);
  // Whole numbers, since floating point would underflow beyond a thousand pairs.
  let ways = 1n;
  let tail = 1n;
  for (let k = 1n; k <= BigInt(Math.min(gained, lost)); k += 1n) {
    ways = (ways * (discordant - k + 1n)) / k;
    tail += ways;
  }
  return Math.min(1, overPowerOfTwo(tail, gained + lost - 1));
}

function overPowerOfTwo(value: bigint, exponent: number): number {
  // A double holds 53 bits; what is cut off here cannot be seen in it.
  const cut = Math.max(0, value.toString(16).length * 4 - 64);
  return Number(value >> BigInt(cut)) * 2 ** (cut - exponent);
}
