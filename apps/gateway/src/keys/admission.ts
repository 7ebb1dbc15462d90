import { Injectable } from '@nestjs/common';
import { ApiKeys } from './api-keys.js';
import { requireScope, type Caller, type Scope } from './caller.js';
import { RateLimit } from './rate.limit.js';

/** Lets a request in, or not, whichever surface it comes to: a key has one limit for all of them. */
@Injectable()
export class Admission {
  constructor(
    private readonly keys: ApiKeys,
    private readonly limit: RateLimit,
  ) {}

  /** @throws Failure UNAUTHORIZED, RATE_LIMITED or FORBIDDEN */
  async admit(authorization: string | undefined, wanted: Scope): Promise<Caller> {
    const caller = await this.keys.identify(authorization);
    this.limit.take(caller.keyId, caller.limits.requestsPerSecond);
    requireScope(caller, wanted);
    return caller;
  }
}
