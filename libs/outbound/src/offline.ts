import { Failure, type AcceptedRunSpec } from '@anneal/contracts';
import type { Targets } from './targets.js';

const remedy =
  'Bring it here with "anneal bundle", name what is on this machine, or unset OFFLINE and HF_HUB_OFFLINE where there is a network.';

/** What is not here, when it may not be fetched either. */
export function missingOffline(what: string, field?: string): Failure {
  return new Failure('SOURCE_OFFLINE', `${what} is not on this machine, and this service is offline.`, {
    remedy,
    ...(field === undefined ? {} : { field }),
  });
}

/** One failure for all that is missing, so that nobody learns of it piece by piece. */
export function missingTogether(missing: readonly Failure[]): Failure {
  const [only, ...others] = missing;
  if (only && others.length === 0) return only;
  const list = missing.map(({ message }, index) => `(${index + 1}) ${message}`).join(' ');
  return new Failure('SOURCE_OFFLINE', `${missing.length} things that the run needs are not here: ${list}`, {
    remedy,
    ...(only?.field === undefined ? {} : { field: only.field }),
  });
}

/** Why a run cannot be published from here, when nothing outside may be asked. */
export function publishingOffline({ to, when }: AcceptedRunSpec['publish']): Failure | undefined {
  if (when === 'never' || !to?.startsWith('hub:')) return undefined;
  return new Failure('SOURCE_OFFLINE', `Nothing can be published to ${to}: this installation is offline.`, {
    remedy: 'Publish to registry:NAME, from where the model can be carried elsewhere.',
    field: 'publish.to',
  });
}

/** Of the addresses that may be asked, those that an offline service may ask too: the named ones, and any inside. */
export function targetsOffline(targets: Targets): Targets {
  return targets.flatMap((target) => (target === 'public' ? [] : [target === 'any' ? 'inside' : target]));
}
