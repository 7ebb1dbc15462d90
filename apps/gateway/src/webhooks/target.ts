import { refusalOf } from '@anneal/outbound';
import { Failure } from '@anneal/contracts';

/** @throws Failure REQUEST_INVALID for an address to which nothing is delivered */
export function requireTarget(url: string, allowed: 'public' | 'any'): URL {
  const target = URL.canParse(url) ? new URL(url) : undefined;
  const refusal = target ? refusalOf(target, [allowed]) : 'is no https address';
  if (target && refusal === undefined) return target;
  throw new Failure('REQUEST_INVALID', `The address ${refusal ?? 'cannot be used'}.`, {
    remedy: 'Name an https address of the internet; the operator may allow others with WEBHOOK_TARGETS=any.',
    field: 'url',
  });
}
