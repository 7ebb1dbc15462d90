import { Failure } from '@anneal/contracts';

/** A bucket of tokens for each key, refilled at a steady rate; it holds what may come in one second. */
export class RateLimit {
  private readonly buckets = new Map<string, { tokens: number; at: number }>();

  /** @param perSecond requests of one key; 0 sets no limit */
  constructor(
    private readonly perSecond: number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /**
   * @param perSecond where the key has a limit of its own
   * @throws Failure RATE_LIMITED
   */
  take(keyId: string, perSecond = this.perSecond): void {
    if (perSecond === 0) return;
    const at = this.now();
    const bucket = this.buckets.get(keyId) ?? { tokens: perSecond, at };
    const tokens = Math.min(perSecond, bucket.tokens + ((at - bucket.at) / 1000) * perSecond);
    if (tokens < 1) {
      this.buckets.set(keyId, { tokens, at });
      throw new Failure('RATE_LIMITED', `The API key made more than ${perSecond} requests in a second.`, {
        remedy: 'Wait a second and try again.',
      });
    }
    this.buckets.set(keyId, { tokens: tokens - 1, at });
  }
}
