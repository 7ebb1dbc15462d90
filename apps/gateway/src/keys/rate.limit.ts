import { Failure } from '@anneal/contracts';

/** A bucket of tokens for each key, refilled at a steady rate; it holds what may come in one second. */
export class RateLimit {
  private readonly buckets = new Map<string, { tokens: number; at: number }>();

  /** @param perSecond requests of one key; 0 sets no limit */
  constructor(
    private readonly perSecond: number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** @throws Failure RATE_LIMITED */
  take(keyId: string): void {
    if (this.perSecond === 0) return;
    const at = this.now();
    const bucket = this.buckets.get(keyId) ?? { tokens: this.perSecond, at };
    const tokens = Math.min(this.perSecond, bucket.tokens + ((at - bucket.at) / 1000) * this.perSecond);
    if (tokens < 1) {
      this.buckets.set(keyId, { tokens, at });
      throw new Failure('RATE_LIMITED', `The API key made more than ${this.perSecond} requests in a second.`, {
        remedy: 'Wait a second and try again.',
      });
    }
    this.buckets.set(keyId, { tokens: tokens - 1, at });
  }
}
