import { normalQuantile } from './normal-quantile.js';

/**
 * The lower end of the 95 % score interval of a paired difference in accuracy: Tango (1998),
 * https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<891::AID-SIM780>3.0.CO;2-B. Unlike the bootstrap it is honest about
 * few items: without any that was lost, n items still leave a loss of z^2 / (n + z^2) open.
 */
export function lowerScoreLimit({ gained, lost, items }: { gained: number; lost: number; items: number }): number {
  const limit = normalQuantile(0.975);
  let [low, high] = [-1, (gained - lost) / items];
  // The statistic falls as the assumed difference grows.
  for (let step = 0; step < 60; step += 1) {
    const middle = (low + high) / 2;
    if (statistic(middle, { gained, lost, items }) > limit) low = middle;
    else high = middle;
  }
  return low;
}

/** How far the observed difference lies from an assumed one, in standard errors under that one. */
function statistic(
  difference: number,
  { gained, lost, items }: { gained: number; lost: number; items: number },
): number {
  const b = -gained - lost + (2 * items - gained + lost) * difference;
  const c = -lost * difference * (1 - difference);
  // The share of items that would be lost, where that difference were the true one.
  const share = (Math.sqrt(Math.max(0, b * b - 8 * items * c)) - b) / (4 * items);
  const variance = items * (2 * share + difference * (1 - difference));
  return variance <= 0 ? 0 : (gained - lost - items * difference) / Math.sqrt(variance);
}
