/**
 * The exact McNemar test, two-sided: how likely a split of the discordant pairs at least this uneven would be if each of
 * them could have fallen on either side. Pairs on which both agree say nothing about a difference and do not enter.
 *
 * @param gained pairs that only the second side got right
 * @param lost pairs that only the first side got right
 * @returns p between 0 and 1; 1 when there are no discordant pairs
 */
export function mcnemarExact(gained: number, lost: number): number {
  const discordant = gained + lost;
  const smaller = Math.min(gained, lost);
  // Twice the tail would count the middle twice.
  if (gained === lost) return 1;
  // Terms fall quickly from `smaller` downwards. They are summed relative to the first one, whose logarithm is scaled at
  // the end: each by itself would underflow beyond a thousand pairs.
  let term = 1;
  let sum = 1;
  for (let k = smaller; k > 0; k -= 1) {
    term *= k / (discordant - k + 1);
    sum += term;
  }
  const log = logChoose(discordant, smaller) - discordant * Math.LN2 + Math.log(2 * sum);
  return Math.min(1, Math.exp(log));
}

function logChoose(n: number, k: number): number {
  let log = 0;
  for (let i = 1; i <= k; i += 1) log += Math.log((n - k + i) / i);
  return log;
}
