import { normalQuantile } from './normal-quantile.js';

/**
 * The smallest difference in accuracy that a paired test shows with the given power, for so many items of which the two
 * sides differ on this share. Connor (1987), https://doi.org/10.2307/2531961, solved for the difference:
 * n = ((z[alpha/2] sqrt(d) + z[power] sqrt(d - x^2)) / x)^2.
 *
 * @param discordance share of the items that only one side gets right
 * @returns undefined when not even the largest difference that this share allows would be shown
 */
export function minimumDetectable({
  items,
  discordance,
  alpha,
  power = 0.8,
}: {
  items: number;
  discordance: number;
  alpha: number;
  power?: number;
}): number | undefined {
  const needed = (difference: number): number =>
    ((-normalQuantile(alpha / 2) * Math.sqrt(discordance) +
      normalQuantile(power) * Math.sqrt(discordance - difference * difference)) /
      difference) **
    2;
  if (discordance <= 0 || needed(discordance) > items) return undefined;
  // The need falls as the difference grows, so that halving finds the one that these items are enough for.
  let [low, high] = [0, discordance];
  for (let step = 0; step < 60; step += 1) {
    const middle = (low + high) / 2;
    if (needed(middle) > items) low = middle;
    else high = middle;
  }
  return high;
}
