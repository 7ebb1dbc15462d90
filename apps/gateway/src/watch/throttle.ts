/** Passes on the first value of a key at once, and after that at most one per interval: the newest. */
export class Throttle<T> {
  private readonly resting = new Map<string, { newest: T | undefined; timer: NodeJS.Timeout }>();
  private readonly running = new Set<Promise<void>>();
  private closed = false;

  /** @param act never throws */
  constructor(
    private readonly intervalMs: number,
    private readonly act: (value: T) => Promise<void>,
  ) {}

  put(key: string, value: T): void {
    if (this.closed) return;
    const rest = this.resting.get(key);
    if (rest) rest.newest = value;
    else this.pass(key, value);
  }

  /** Passes on what still waits, and resolves when all of it is done. */
  async close(): Promise<void> {
    this.closed = true;
    for (const { newest, timer } of this.resting.values()) {
      clearTimeout(timer);
      if (newest !== undefined) void this.run(newest);
    }
    this.resting.clear();
    await Promise.all(this.running);
  }

  private pass(key: string, value: T): void {
    const done = this.run(value);
    const timer = setTimeout(() => {
      // An act that takes longer than the interval must not be overtaken by the next one.
      void done.then(() => this.wake(key));
    }, this.intervalMs);
    this.resting.set(key, { newest: undefined, timer });
  }

  private wake(key: string): void {
    const newest = this.resting.get(key)?.newest;
    this.resting.delete(key);
    if (newest !== undefined && !this.closed) this.pass(key, newest);
  }

  private run(value: T): Promise<void> {
    const done = this.act(value).finally(() => this.running.delete(done));
    this.running.add(done);
    return done;
  }
}
