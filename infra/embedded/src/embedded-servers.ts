import { Failure } from '@anneal/contracts';
import type { ServerBinaries } from './binaries.js';
import { openDataFolder, type DataFolder } from './data-folder.js';
import { lockFolder } from './folder-lock.js';
import { checkNatsUsers, natsAdmin, natsSystem, type NatsUser } from './nats-config.js';
import { natsProgram } from './nats-server.js';
import { choosePorts, loopback, type PortName, type Ports } from './ports.js';
import { ensureDatabase, postgresDatabase, postgresProgram, postgresSuperuser } from './postgres-server.js';
import type { S3Login } from './s3-request.js';
import { checkS3Users, s3Program, type S3User } from './s3-server.js';
import type { ServerName } from './server-name.js';
import { ServerSet, type ServerEvent } from './server-set.js';
import { explainFileError } from './start-failure.js';
import { ServerState } from './state.js';

export interface StartOptions {
  /** The folder that holds everything the servers keep; it is created if missing. */
  readonly dataDir: string;
  readonly binaries: ServerBinaries;
  /** Ports that must be the ones given; the others are chosen once and kept. */
  readonly ports?: Partial<Record<PortName, number>>;
  readonly natsUsers: readonly NatsUser[];
  /** Users of the store beside the one that may do everything. */
  readonly s3Users?: readonly S3User[];
  /** The bucket that exists from the start. */
  readonly bucket?: string;
  /**
   * Whether nobody needs the data after the stop: nothing waits for the disk then, and a stop is a kill. A server that dies
   * still loses nothing.
   */
  readonly throwaway?: boolean;
  readonly log?: (line: string) => void;
}

export interface NatsAccess {
  /** As the user `admin`, who has all rights of the account. */
  readonly url: string;
  /** As one of `natsUsers`, `admin`, or `sys` of the system account. Throws for an unknown name. */
  readonly urlFor: (user: string) => string;
  readonly monitorUrl: string;
}

export interface PostgresAccess {
  /** As the superuser, in the database of the application. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly urlFor: (role: string, password: string, database?: string) => string;
}

/** As the user who may do everything. */
export interface S3Access extends S3Login {
  readonly bucket: string;
  /** As one of `s3Users`. Throws for an unknown name. */
  readonly loginOf: (user: string) => S3Login;
  /** Endpoint, keys and bucket in one: http://ACCESS:SECRET@HOST:PORT/BUCKET */
  readonly url: string;
}

export interface EmbeddedServers {
  readonly nats: NatsAccess;
  readonly postgres: PostgresAccess;
  readonly s3: S3Access;
  /** The process of each server; nothing for one that is being restarted. */
  readonly pids: () => Record<ServerName, number | undefined>;
  /** A random secret, made once and kept in the data folder under that name. */
  readonly secret: (name: string) => string;
  /** Sends a signal to a server, for fault tests. A server that ends by it comes back. */
  readonly kill: (name: ServerName, signal: NodeJS.Signals) => void;
  /** Calls back when a server died, or answers again after that. Returns the way to stop listening. */
  readonly on: (event: ServerEvent, listener: (name: ServerName) => void) => () => void;
  /** Resolves when all processes are gone. May be called more than once. */
  readonly stop: () => Promise<void>;
}

const region = 'us-east-1';
const defaultBucket = 'anneal';
const accessKeyLength = 20;

/**
 * Starts NATS, PostgreSQL and an S3 server on loopback, and keeps them running until `stop`. What an earlier supervisor
 * left running after a kill is ended first; its data stays. Throws a `Failure`, and then leaves nothing running.
 */
export async function startServers(options: StartOptions): Promise<EmbeddedServers> {
  checkNatsUsers(options.natsUsers);
  checkS3Users(options.s3Users ?? []);
  try {
    const folder = openDataFolder(options.dataDir);
    const lock = lockFolder(folder.run, folder.root);
    try {
      return await startInFolder(options, folder, lock.release);
    } catch (error) {
      lock.release();
      throw error;
    }
  } catch (error) {
    throw explainFileError(error);
  }
}

async function startInFolder(
  options: StartOptions,
  folder: DataFolder,
  releaseFolder: () => void,
): Promise<EmbeddedServers> {
  const { throwaway = false } = options;
  const state = ServerState.open(folder);
  const servers = new ServerSet(folder, options.log ?? (() => undefined));
  await servers.endLeftovers();
  const ports = await choosePorts(options.ports ?? {}, state.ports);
  state.keepPorts(ports);

  const nats = natsLogins(options.natsUsers, state);
  const postgresPassword = state.secret('postgres/superuser');
  const s3 = s3Access(ports, state, options);

  const startNats = async (): Promise<void> => {
    const users = options.natsUsers;
    await servers.start(
      natsProgram({ binary: options.binaries.nats, folder, ports, users, passwordOf: nats.passwordOf, throwaway }),
    );
  };
  const startPostgres = async (): Promise<void> => {
    const settings = { binFolder: options.binaries.pgBin, folder, ports, password: postgresPassword, throwaway };
    await servers.start(await postgresProgram(settings));
    await ensureDatabase(settings);
  };
  const startS3 = async (): Promise<void> => {
    const users = (options.s3Users ?? []).map((user) => ({ ...user, ...s3.loginOf(user.name) }));
    await servers.start(
      s3Program({ binary: options.binaries.weed, folder, ports, login: s3, users, bucket: s3.bucket, throwaway }),
    );
  };

  const starts = [startNats(), startPostgres(), startS3()];
  try {
    await Promise.all(starts);
  } catch (error) {
    await servers.stop();
    // The others end too now that the set is stopped: nobody may write into the folder after its lock is released.
    await Promise.allSettled(starts);
    throw error;
  }

  return {
    nats: natsAccess(ports, nats),
    postgres: postgresAccess(ports, postgresPassword),
    s3,
    pids: () => ({ nats: servers.pidOf('nats'), postgres: servers.pidOf('postgres'), s3: servers.pidOf('s3') }),
    secret: (name) => state.secret(name),
    kill: (name, signal) => servers.kill(name, signal),
    on: (event, listener) => servers.on(event, listener),
    stop: once(async () => {
      await servers.stop();
      releaseFolder();
    }),
  };
}

interface NatsLogins {
  readonly names: ReadonlySet<string>;
  readonly passwordOf: (user: string) => string;
}

function natsLogins(users: readonly NatsUser[], state: ServerState): NatsLogins {
  const given = new Map(users.map(({ name, password }) => [name, password]));
  return {
    names: new Set([natsAdmin, natsSystem, ...given.keys()]),
    passwordOf: (user) => given.get(user) ?? state.secret(`nats/${user}`),
  };
}

function natsAccess(ports: Ports, logins: NatsLogins): NatsAccess {
  const urlFor = (user: string): string => {
    if (!logins.names.has(user)) {
      throw new Failure('CONFIG_INVALID', `There is no NATS user "${user}".`, {
        remedy: `Use one of ${[...logins.names].join(', ')}.`,
      });
    }
    return urlWithLogin('nats', user, logins.passwordOf(user), ports.nats);
  };
  return { url: urlFor(natsAdmin), urlFor, monitorUrl: `http://${loopback}:${ports.natsMonitor}` };
}

function postgresAccess(ports: Ports, superuserPassword: string): PostgresAccess {
  const urlFor = (role: string, password: string, database = postgresDatabase): string =>
    `${urlWithLogin('postgres', role, password, ports.postgres)}/${encodeURIComponent(database)}`;
  return {
    url: urlFor(postgresSuperuser, superuserPassword),
    host: loopback,
    port: ports.postgres,
    database: postgresDatabase,
    urlFor,
  };
}

function s3Access(ports: Ports, state: ServerState, { bucket = defaultBucket, s3Users = [] }: StartOptions): S3Access {
  const accessKey = state.secret('s3/access-key').slice(0, accessKeyLength);
  const secretKey = state.secret('s3/secret-key');
  const endpoint = `http://${loopback}:${ports.s3}`;
  const names = s3Users.map(({ name }) => name);
  return {
    ...{ endpoint, accessKey, secretKey, region, bucket },
    url: `${urlWithLogin('http', accessKey, secretKey, ports.s3)}/${bucket}`,
    loginOf: (user) => {
      if (names.includes(user))
        return { endpoint, accessKey: user, secretKey: state.secret(`s3/user/${user}`), region };
      throw new Failure('CONFIG_INVALID', `There is no S3 user "${user}".`, {
        remedy: `Use one of ${names.join(', ')}.`,
      });
    },
  };
}

function urlWithLogin(protocol: string, user: string, password: string, port: number): string {
  return `${protocol}://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${loopback}:${port}`;
}

function once(action: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => (running ??= action());
}
