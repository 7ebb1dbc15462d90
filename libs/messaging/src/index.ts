export { connectNats, requireServerVersion, type NatsConnection, type NatsOptions } from './connection.js';
export {
  consumerOf,
  durableStream,
  durableStreamState,
  migrateTopology,
  progressStream,
  subjectsFor,
  type TopologyOptions,
} from './topology.js';
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
export { jetstream, publishEvent, publishTrainRequest, type JetStreamClient, type Published } from './publish.js';
export { EventErrorFilter, OnEvent } from './on-event.js';
export { JetStreamStrategy, type JetStreamStrategyOptions, type UndecodableMessage } from './jetstream.strategy.js';
export { followProgress, ProgressPublisher } from './progress.js';
export { followEvents, type Follower } from './follow.js';
