/** More rows than this tell hardly more about a model, and cost the run as much time again. */
const mostHeldOut = 200;

/**
 * Decides by content which rows are held out from training: the same row always falls on the same side, whatever stands
 * around it.
 *
 * @param share wanted share of held-out rows, 0 to 0.5
 */
export class HeldOutSplit<Row> {
  private readonly chosen: { digest: string; row: Row }[] = [];

  constructor(private readonly share: number) {}

  /** Takes the row if it is to be held out, and says whether it did. */
  take(digest: string, row: Row): boolean {
    // The first 32 bits of the digest, as a number from 0 to 1.
    const place = Number.parseInt(digest.slice(0, 8), 16) / 2 ** 32;
    if (place >= this.share) return false;
    this.chosen.push({ digest, row });
    return true;
  }

  /** The rows to hold out, and those taken beyond the limit, which go back to training. */
  finish(): { heldOut: { digest: string; row: Row }[]; returned: Row[] } {
    const ordered = this.chosen.toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
    return { heldOut: ordered.slice(0, mostHeldOut), returned: ordered.slice(mostHeldOut).map(({ row }) => row) };
  }
}
