export {
  baseConfigShape,
  fileRootsShape,
  isOffline,
  parseConfig,
  storeConfigShape,
  workConfigShape,
  type BaseConfig,
  type Environment,
} from './config.js';
export { BaseModels } from './base-models.js';
export { defineService, worker, type Listener, type ServiceDefinition, type StageWork } from './definition.js';
export { createLogger, logDestination, type Logger } from './logging.js';
export { HealthController } from './health.controller.js';
export type { Metrics } from './metrics.js';
export { runService } from './run.js';
export { startService, type RunningService } from './start.js';
export { cacheProvider, storeProvider } from './store.js';
export { CONFIG, LOGGER, METRICS, NATS, TRACER } from './tokens.js';
