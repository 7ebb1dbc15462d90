import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from '@anneal/contracts';
import { DataSource, type DataSourceOptions, type EntityManager } from 'typeorm';
import { silentLog, type Log } from './log.js';
import { jobMigrations, type MigrationClass } from './migrations.js';
import { databaseError, databaseUnavailable } from './postgres-errors.js';
import { endWhenSilent } from './silent-connection.js';

export interface DataSourceSettings {
  /** postgres://ROLE:PASSWORD@HOST:PORT/DATABASE */
  readonly url: string;
  /** Schema of the service, and the search_path of every connection. */
  readonly schema: string;
  /** The service's own, besides those of this library. */
  readonly migrations?: readonly MigrationClass[];
  /** Connections at most; 8 when left out: six services fit into PostgreSQL's default of 100. */
  readonly poolSize?: number;
  /** How long the server may be silent before a statement fails and its connection is given up; 75 s when left out. */
  readonly silenceMs?: number;
  readonly log?: Log;
}

const connectTimeoutMs = 5_000;
/** A process that freezes inside a transaction must not keep its row locks: nobody could take its job over. */
const idleInTransactionMs = 60_000;
// Longer than a frozen process can make a statement wait. The server ends it first, while there is one that answers.
const statementMs = 70_000;
const silenceMs = 75_000;
/** A host that is gone says nothing: without probes, a connection that only listens would wait for two hours. */
export const keepAlive = { keepAlive: true, keepAliveInitialDelayMillis: 10_000 };

/** Describes the database of one service. Nothing connects before {@link openDatabase}. */
export function createDataSource(settings: DataSourceSettings): DataSource {
  const log = settings.log ?? silentLog;
  return new DataSource({
    type: 'postgres',
    url: settings.url,
    schema: settings.schema,
    applicationName: `anneal-${settings.schema}`,
    poolSize: settings.poolSize ?? 8,
    connectTimeoutMS: connectTimeoutMs,
    migrations: [...jobMigrations, ...(settings.migrations ?? [])],
    migrationsTableName: 'migrations',
    synchronize: false,
    installExtensions: false,
    logging: false,
    // Without a handler, an idle connection whose backend dies ends the process.
    poolErrorHandler: (error: unknown) => log.warn({ err: error }, 'an idle database connection was lost'),
    extra: {
      ...sessionSettings(settings.schema),
      ...keepAlive,
      query_timeout: settings.silenceMs ?? silenceMs,
      onConnect: endWhenSilent,
    },
  });
}

/** What every session of a service starts with. */
export function sessionSettings(schema: string): { options: string } {
  if (!/^[a-z_][a-z0-9_]*$/.test(schema)) {
    throw new Failure('CONFIG_INVALID', `"${schema}" is no name for a schema.`, {
      remedy: 'Use lower-case letters, digits and underscores.',
    });
  }
  const limits = `-c idle_in_transaction_session_timeout=${idleInTransactionMs} -c statement_timeout=${statementMs}`;
  return { options: `-c search_path=${schema} ${limits}` };
}

/**
 * Connects, waiting up to half a minute for the server, and brings the schema up to date. Replicas that start together
 * migrate one after the other.
 *
 * @param options.waitMs another time to wait
 * @throws Failure DATABASE_UNAVAILABLE
 */
export async function openDatabase(dataSource: DataSource, { waitMs = 30_000 } = {}): Promise<void> {
  const giveUpAt = performance.now() + waitMs;
  for (let pauseMs = 250; !dataSource.isInitialized; pauseMs = Math.min(pauseMs * 2, 3_000)) {
    try {
      await dataSource.initialize();
    } catch (error) {
      // The role may not be there yet when everything starts at once, so a refused password is waited for, too.
      if (performance.now() + pauseMs > giveUpAt) throw databaseUnavailable(error);
      await delay(pauseMs);
    }
  }
  await migrate(dataSource);
}

async function migrate({ options }: DataSource): Promise<void> {
  const { schema } = connectionOf(options);
  // Connections of its own: a change of a large table, and the wait for another replica, may take longer than statements.
  const migrating = new DataSource({
    ...options,
    poolSize: 2,
    extra: { options: `${sessionSettings(schema).options} -c statement_timeout=0`, ...keepAlive },
  } as DataSourceOptions);
  const lock = `hashtextextended('anneal:migrations:' || current_schema(), 0)`;
  try {
    await migrating.initialize();
    const holder = migrating.createQueryRunner();
    await holder.query(`SELECT pg_advisory_lock(${lock})`);
    await migrating.runMigrations({ transaction: 'each' });
    await holder.query(`SELECT pg_advisory_unlock(${lock})`);
    await holder.release();
  } catch (error) {
    throw databaseError(error);
  } finally {
    // Also gives back the lock.
    if (migrating.isInitialized) await migrating.destroy();
  }
}

/**
 * A transaction of the service's database.
 *
 * @throws Failure DATABASE_UNAVAILABLE when the server was away, or a deadlock was resolved at this transaction's cost
 */
export async function transaction<T>(dataSource: DataSource, body: (tx: EntityManager) => Promise<T>): Promise<T> {
  try {
    return await dataSource.transaction(body);
  } catch (error) {
    throw databaseError(error);
  }
}

/** Schema of a data source that {@link createDataSource} made. */
export function schemaOf({ options }: DataSource): string {
  return connectionOf(options).schema;
}

/** URL of a data source that {@link createDataSource} made. */
export function urlOf({ options }: DataSource): string {
  return connectionOf(options).url;
}

function connectionOf(options: DataSource['options']): { url: string; schema: string } {
  if (options.type !== 'postgres' || options.url === undefined || options.schema === undefined) {
    throw new Failure('CONFIG_INVALID', 'The data source has no URL and schema of PostgreSQL.', {
      remedy: 'Make it with createDataSource.',
    });
  }
  return { url: options.url, schema: options.schema };
}
