import { refusalOf, targetsOffline, type Targets } from '@anneal/outbound';
import { isOffline } from '@anneal/service';
import { Failure } from '@anneal/contracts';
import type { GatewayConfig } from '../gateway.config.js';

/** Where webhooks are delivered to: an offline gateway delivers to addresses inside its network, where those are allowed. */
export function webhookTargets(config: Pick<GatewayConfig, 'WEBHOOK_TARGETS' | 'OFFLINE' | 'HF_HUB_OFFLINE'>): Targets {
  const targets = [config.WEBHOOK_TARGETS];
  return isOffline(config) ? targetsOffline(targets) : targets;
}

/** @throws Failure REQUEST_INVALID for an address to which nothing is delivered */
export function requireTarget(url: string, allowed: Targets): URL {
  const target = URL.canParse(url) ? new URL(url) : undefined;
  const refusal = target ? refusalOf(target, allowed) : 'is no https address';
  if (target && refusal === undefined) return target;
  throw new Failure('REQUEST_INVALID', `The address ${refusal ?? 'cannot be used'}.`, {
    remedy: 'Name an https address of the internet; the operator may allow others with WEBHOOK_TARGETS=any.',
    field: 'url',
  });
}
