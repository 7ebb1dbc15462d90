export { installServers, type ServerBinaries } from './binaries.js';
export {
  startServers,
  type EmbeddedServers,
  type NatsAccess,
  type PostgresAccess,
  type S3Access,
  type StartOptions,
} from './embedded-servers.js';
export { supervisorOf } from './folder-lock.js';
export type { NatsPermissions, NatsUser } from './nats-config.js';
export { portNames, type PortName } from './ports.js';
export type { S3User } from './s3-server.js';
export { serverNames, type ServerName } from './server-name.js';
export type { ServerEvent } from './server-set.js';
