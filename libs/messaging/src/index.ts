export {
  connectNats,
  onConnectionChange,
  requireServerVersion,
  type NatsConnection,
  type NatsOptions,
} from './connection.js';
export {
  consumerOf,
  durableStream,
  durableStreamState,
  eventLifeMs,
  migrateTopology,
  progressStream,
  subjectsFor,
  type DurableStreamState,
  type TopologyOptions,
} from './topology.js';
export { followPulses, PulsePublisher } from './pulse.js';
export { permissionsOf, type Permissions } from './permissions.js';
export {
  decodeEvent,
  encodeEvent,
  eventIdOfPlace,
  type DecodedEvent,
  type EncodedEvent,
  type EnvelopeOptions,
  type IncomingMessage,
} from './envelope.js';
export {
  jetstream,
  publishEvent,
  publishTrainRequest,
  replayEvent,
  type JetStreamClient,
  type KeptMessage,
  type Published,
} from './publish.js';
export { EventErrorFilter, OnEvent } from './on-event.js';
export { JetStreamStrategy, type JetStreamStrategyOptions } from './jetstream.strategy.js';
export type { DeadLetterBox, DeadMessage, DeliveredEvent } from './dead-letter-box.js';
export { followProgress, ProgressPublisher } from './progress.js';
export { followEvents, type Follower } from './follow.js';
export { eventAttributes } from './event-trace.js';
