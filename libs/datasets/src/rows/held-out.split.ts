/** More rows than this tell hardly more about a model, and cost the run as much time again. */
const mostHeldOut = 200;

export interface HeldOutRow<Row> {
  readonly digest: string;
  readonly row: Row;
}

/**
 * Decides by content which rows are held out from training: the same row always falls on the same side, whatever stands
 * around it. Only when more rows fall on the held-out side than are wanted do those with the greatest digests go back, and
 * of a set so small that none falls there, the row with the smallest digest is held out: a comparison needs one.
 *
 * @param share wanted share of held-out rows, 0 to 0.5
 */
export class HeldOutSplit<Row> {
  private readonly chosen: HeldOutRow<Row>[] = [];
  /** The one to hold out as long as no other is chosen. */
  private spare: HeldOutRow<Row> | undefined;

  constructor(private readonly share: number) {}

  /** Takes a row, and gives back what is to be trained on instead: the row, an earlier one, or nothing. */
  take(digest: string, row: Row): Row | undefined {
    // The first 32 bits of the digest, as a number from 0 to 1.
    const place = Number.parseInt(digest.slice(0, 8), 16) / 2 ** 32;
    if (place >= this.share) return this.share === 0 || this.chosen.length > 0 ? row : this.keepSpare({ digest, row });
    const { spare } = this;
    this.spare = undefined;
    return this.holdOut(digest, row) ?? spare?.row;
  }

  /** Holds a row out whatever its digest, and gives back what is one too many: an earlier row, this one, or nothing. */
  holdOut(digest: string, row: Row): Row | undefined {
    const at = this.chosen.findIndex((other) => other.digest > digest);
    this.chosen.splice(at < 0 ? this.chosen.length : at, 0, { digest, row });
    return this.chosen.length > mostHeldOut ? this.chosen.pop()?.row : undefined;
  }

  /** The rows that are held out, in the order of their digests. */
  get heldOut(): readonly HeldOutRow<Row>[] {
    return this.chosen.length === 0 && this.spare ? [this.spare] : this.chosen;
  }

  private keepSpare(entry: HeldOutRow<Row>): Row | undefined {
    const { spare } = this;
    if (spare && spare.digest < entry.digest) return entry.row;
    this.spare = entry;
    return spare?.row;
  }
}
