/** Remembers that somebody rang until somebody looks. */
export class News {
  private waiting: (() => void) | undefined;
  private has = false;

  ring(): void {
    this.has = true;
    this.waiting?.();
  }

  async rung(): Promise<void> {
    if (!this.has) await new Promise<void>((resolve) => (this.waiting = resolve));
    this.waiting = undefined;
    this.has = false;
  }
}
