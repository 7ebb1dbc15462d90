import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Failure } from '@anneal/contracts';
import pg from 'pg';
import type { DataFolder } from './data-folder.js';
import { loopback, type Ports } from './ports.js';
import { findPostgresAccount, giveTo, type PostgresAccount } from './postgres-account.js';
import { explainOutput } from './start-failure.js';
import type { ServerProgram } from './supervised-server.js';

export const postgresSuperuser = 'anneal';
export const postgresDatabase = 'anneal';

export interface PostgresServerOptions {
  readonly binFolder: string;
  readonly folder: DataFolder;
  readonly ports: Ports;
  readonly password: string;
  readonly throwaway: boolean;
}

const run = promisify(execFile);
const probeLimitMs = 2_000;

/** Creates the database cluster at the first start, and says how to run the server. */
export async function postgresProgram(options: PostgresServerOptions): Promise<ServerProgram> {
  const { binFolder, folder, ports, throwaway } = options;
  const binary = join(binFolder, 'postgres');
  const account = findPostgresAccount(folder.postgres);
  const environment = { PATH: process.env.PATH ?? '', LC_ALL: 'C', TZ: 'UTC' };
  await ensureCluster(options, account, environment);

  const settings = {
    listen_addresses: loopback,
    // No socket file: its path has a length limit that a data folder may pass.
    unix_socket_directories: '',
    // Cuts the recovery after a kill -9 from 2.2 s to 0.2 s.
    recovery_init_sync_method: 'syncfs',
    shared_buffers: '64MB',
    max_connections: '200',
    ...(throwaway && { fsync: 'off' }),
  };
  const settingArgs = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return {
    name: 'postgres',
    command: wrapped(account, [binary, '-D', folder.postgres, '-p', String(ports.postgres), ...settingArgs]),
    executable: binary,
    environment,
    workingFolder: '/',
    ...(account.account ? { account: account.account } : {}),
    // SIGTERM would wait for clients to leave, and SIGINT writes all that is in memory.
    stopSignal: throwaway ? 'SIGQUIT' : 'SIGINT',
    stopGraceMs: 10_000,
    isReady: () => withClient(options, 'postgres', async (client) => (await client.query('select 1')).rowCount === 1),
  };
}

/** Creates the database of the application if it is missing. The server must run. */
export async function ensureDatabase(options: PostgresServerOptions): Promise<void> {
  await withClient(options, 'postgres', async (client) => {
    const found = await client.query('select 1 from pg_database where datname = $1', [postgresDatabase]);
    if (found.rowCount === 0) await client.query(`create database ${pg.escapeIdentifier(postgresDatabase)}`);
  });
}

async function ensureCluster(
  { binFolder, folder, password, throwaway }: PostgresServerOptions,
  account: PostgresAccount,
  environment: Record<string, string>,
): Promise<void> {
  if (existsSync(folder.postgres)) {
    await checkVersion(binFolder, folder);
    giveTo(account, folder.postgres);
    return;
  }
  // Built aside and renamed: initdb that is killed half-way leaves a folder that looks complete.
  const unfinished = join(folder.root, 'postgres.unfinished');
  const passwordFile = join(folder.run, 'postgres-password');
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { mode: 0o700 });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  giveTo(account, unfinished);
  giveTo(account, passwordFile);
  try {
    const login = ['-U', postgresSuperuser, '-A', 'scram-sha-256', `--pwfile=${passwordFile}`];
    const [command, ...args] = wrapped(account, [
      join(binFolder, 'initdb'),
      '-D',
      unfinished,
      ...login,
      ...(throwaway ? ['--no-sync'] : []),
      '-E',
      'UTF8',
      '--locale=C',
    ]);
    await run(command, args, { cwd: '/', env: environment, ...account.account });
    renameSync(unfinished, folder.postgres);
  } catch (error) {
    throw explainInitdb(error, account);
  } finally {
    rmSync(passwordFile, { force: true });
    rmSync(unfinished, { recursive: true, force: true });
  }
}

async function checkVersion(binFolder: string, folder: DataFolder): Promise<void> {
  const ofData = readFileSync(join(folder.postgres, 'PG_VERSION'), 'utf8').trim();
  const { stdout } = await run(join(binFolder, 'postgres'), ['--version']);
  const ofServer = /\) (\d+)/.exec(stdout)?.[1];
  if (ofData === ofServer) return;
  throw new Failure(
    'DATA_FOLDER_OLD',
    `The data folder ${folder.root} was made by PostgreSQL ${ofData}, and this is PostgreSQL ${ofServer}.`,
    { remedy: `Name another data folder, or remove ${folder.root} with all data in it.` },
  );
}

function explainInitdb(error: unknown, { account }: PostgresAccount): Failure {
  const printed = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
  // initdb that cannot be started prints nothing.
  const output = printed.trim() === '' ? String(error) : printed;
  const remedy = account
    ? `Run as an ordinary user, or let account ${account.uid} reach the cache folder and the data folder.`
    : 'Follow the message of initdb, then start again.';
  return explainOutput('postgres', output, remedy);
}

function wrapped({ wrapper }: PostgresAccount, [program, ...args]: [string, ...string[]]): [string, ...string[]] {
  const [first, ...rest] = wrapper;
  return first === undefined ? [program, ...args] : [first, ...rest, program, ...args];
}

async function withClient<T>(
  { ports, password }: PostgresServerOptions,
  database: string,
  use: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({
    host: loopback,
    port: ports.postgres,
    user: postgresSuperuser,
    password,
    database,
    ssl: false,
    connectionTimeoutMillis: probeLimitMs,
  });
  // A connection that breaks is also reported by the pending call; without a listener it would end this process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await use(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
