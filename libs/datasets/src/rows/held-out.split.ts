/** More rows than this tell hardly more about a model, and cost the run as much time again. */
const mostHeldOut = 200;

export interface HeldOutRow<Row> {
  readonly digest: string;
  readonly row: Row;
}

/**
 * Decides by content which rows are held out from training: the same row always falls on the same side, whatever stands
 * around it, and rows of one digest fall there together. Only when more rows fall on the held-out side than are wanted do
 * those with the greatest digests go back, and of a set so small that none falls there, the row with the smallest digest
 * is held out: a comparison needs one.
 *
 * @param share wanted share of held-out rows, 0 to 0.5
 */
export class HeldOutSplit<Row> {
  private readonly chosen: HeldOutRow<Row>[] = [];
  /** Those to hold out as long as no other is chosen; all of one digest. */
  private spares: HeldOutRow<Row>[] = [];
  /** The smallest digest that went back: rows of the same that come later go with it. */
  private bound: string | undefined;

  constructor(private readonly share: number) {}

  /** Takes a row, and gives back what is to be trained on instead: the row, earlier ones, or nothing. */
  take(digest: string, row: Row): readonly Row[] {
    // The first 32 bits of the digest, as a number from 0 to 1.
    const place = Number.parseInt(digest.slice(0, 8), 16) / 2 ** 32;
    if (place >= this.share)
      return this.share === 0 || this.chosen.length > 0 ? [row] : this.keepSpare({ digest, row });
    const spares = this.spares.splice(0);
    return [...this.holdOut(digest, row), ...rowsOf(spares)];
  }

  /** Holds a row out whatever its digest, and gives back what is too many: earlier rows, this one, or nothing. */
  holdOut(digest: string, row: Row): readonly Row[] {
    if (this.bound !== undefined && digest >= this.bound) return [row];
    const at = this.chosen.findIndex((other) => other.digest > digest);
    this.chosen.splice(at < 0 ? this.chosen.length : at, 0, { digest, row });
    if (this.chosen.length <= mostHeldOut) return [];
    const last = this.chosen.at(-1)?.digest;
    const from = this.chosen.findIndex((other) => other.digest === last);
    // All rows of one digest stay: to train on some of them would be to train on what is asked.
    if (from === 0) return [];
    this.bound = last;
    return rowsOf(this.chosen.splice(from));
  }

  /** The rows that are held out, in the order of their digests. */
  get heldOut(): readonly HeldOutRow<Row>[] {
    return this.chosen.length === 0 ? this.spares : this.chosen;
  }

  private keepSpare(entry: HeldOutRow<Row>): readonly Row[] {
    const [spare] = this.spares;
    if (spare && spare.digest < entry.digest) return [entry.row];
    const left = spare?.digest === entry.digest ? [] : this.spares.splice(0);
    this.spares.push(entry);
    return rowsOf(left);
  }
}

function rowsOf<Row>(held: readonly HeldOutRow<Row>[]): Row[] {
  return held.map(({ row }) => row);
}
