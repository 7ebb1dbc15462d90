import { fileURLToPath } from 'node:url';
import type { ServiceName } from '@anneal/contracts';
import { setSabotage, type Sabotage } from './sabotage-plan.js';
import { World, type WorldOptions } from './world.js';

const preload = fileURLToPath(new URL('./sabotage.js', import.meta.url));
// More than any lease and any wait, and less than the quarter of an hour that S3 lets a signature be off by.
const skewMs = 12 * 60_000;

/** A world whose services can be made to crash at edges. Two of their clocks may be off. */
export async function sabotaged(options: WorldOptions & { skew?: boolean; from?: Sabotage } = {}): Promise<World> {
  const skewOf = (service: ServiceName): number =>
    !options.skew ? 0 : service === 'trainer' ? skewMs : service === 'evaluator' ? -skewMs : 0;
  let folder = '';
  return World.open({
    ...options,
    preload: () => preload,
    environment: (service, ...more) => ({
      ...options.environment?.(service, ...more),
      ANNEAL_SABOTAGE: folder,
      ANNEAL_SABOTAGE_SERVICE: service,
      ANNEAL_SABOTAGE_SKEW_MS: String(skewOf(service)),
    }),
    prepare: (made) => {
      folder = made;
      setSabotage(made, options.from ?? {});
    },
  });
}
