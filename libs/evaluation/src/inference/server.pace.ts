const firstLimit = 8;

/**
 * How many requests are under way at once. The number grows while the server keeps up and is halved when it says that it
 * does not: additive increase, multiplicative decrease, after a start in which it grows with every answer
 * (https://www.rfc-editor.org/rfc/rfc5681#section-3.1, the same problem with packets).
 */
export class ServerPace {
  private limit: number;
  private underWay = 0;
  private starting = true;
  private halvedAt = -Infinity;
  private readonly waiting: { enter: () => void; refuse: (reason: unknown) => void }[] = [];

  /** @param most requests at once, however well the server keeps up */
  constructor(private readonly most: number) {
    this.limit = Math.min(firstLimit, most);
  }

  /** Requests that may be under way now. */
  get current(): number {
    return Math.floor(this.limit);
  }

  /** Resolves when there is room for one more. */
  async enter(): Promise<void> {
    if (this.underWay < this.current) {
      this.underWay += 1;
      return;
    }
    await new Promise<void>((resolve, reject) => this.waiting.push({ enter: resolve, refuse: reject }));
  }

  /** A request is over; whoever waits longest takes its place. */
  leave(): void {
    this.underWay -= 1;
    while (this.underWay < this.current) {
      const next = this.waiting.shift();
      if (!next) return;
      this.underWay += 1;
      next.enter();
    }
  }

  /** A request was answered. */
  keptUp(): void {
    this.limit = Math.min(this.most, this.limit + (this.starting ? 1 : 1 / this.limit));
  }

  /**
   * The server could not answer. All that was under way then failed for the same reason and halves the number once.
   *
   * @param sentAt when the request was sent, by `performance.now()`
   */
  fellBehind(sentAt: number): void {
    if (sentAt < this.halvedAt) return;
    this.starting = false;
    this.limit = Math.max(1, this.limit / 2);
    this.halvedAt = performance.now();
  }

  /** Ends the waiting of all. */
  close(reason: unknown): void {
    for (const { refuse } of this.waiting.splice(0)) refuse(reason);
  }
}
