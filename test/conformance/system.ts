import { join } from 'node:path';
import type { ServiceName } from '@anneal/contracts';
import type { CheapEngine } from '../src/faults/cheap-engine.js';
import { World } from '../src/faults/world.js';
import { baseModels } from './base-models.js';

/** Where clients find the system under test. */
export interface Endpoints {
  readonly http: string;
  readonly apiKey: string;
}

export interface System {
  readonly endpoints: Endpoints;
  /** @returns a folder with the logs of the services, which outlives the system */
  keepLogs(): string;
  close(): Promise<void>;
}

/** The six services as processes on real servers, with the cheap engine, so that jobs end within seconds. */
export async function openSystem(): Promise<System> {
  const world = await World.open({ replicas: 1, environment });
  return {
    endpoints: { http: world.gatewayUrl(), apiKey: world.servers.servers.secret('api-key') },
    keepLogs: () => world.keepLogs(),
    close: async () => void (await world.close()),
  };
}

function environment(service: ServiceName, _replica: number, { model }: CheapEngine): Record<string, string> {
  // Trainings of seconds have no checkpoint in the store at the usual pace.
  if (service === 'trainer') return { CHECKPOINT_UPLOAD_SECONDS: '1' };
  if (service !== 'gateway') return {};
  const places = {
    [baseModels.plain]: model,
    [baseModels.owned]: model,
    [baseModels.missing]: join(model, 'missing'),
  };
  const pairs = Object.entries(places).map(([name, folder]) => `${name}=file:${folder}`);
  return { MODELS: pairs.join(','), WEBHOOK_TARGETS: 'any' };
}
