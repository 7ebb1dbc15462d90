import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from '@anneal/contracts';
import { DataSource, type EntityManager } from 'typeorm';
import { silentLog, type Log } from './log.js';
import { jobMigrations, type MigrationClass } from './migrations.js';
import { databaseError, databaseUnavailable } from './postgres-errors.js';

export interface DataSourceSettings {
  /** postgres://ROLE:PASSWORD@HOST:PORT/DATABASE */
  readonly url: string;
  /** Schema of the service, and the search_path of every connection. */
  readonly schema: string;
  /** The service's own, besides those of this library. */
  readonly migrations?: readonly MigrationClass[];
  /** Connections at most; 8 when left out: six services fit into PostgreSQL's default of 100. */
  readonly poolSize?: number;
  readonly log?: Log;
}

const connectTimeoutMs = 5_000;

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
    extra: { ...sessionSettings(settings.schema), keepAlive: true },
  });
}

/** What every session of a service starts with. */
export function sessionSettings(schema: string): { options: string } {
  if (!/^[a-z_][a-z0-9_]*$/.test(schema)) {
    throw new Failure('CONFIG_INVALID', `"${schema}" is no name for a schema.`, {
      remedy: 'Use lower-case letters, digits and underscores.',
    });
  }
  // A process that freezes inside a transaction must not keep its row locks: nobody could take its job over.
  return { options: `-c search_path=${schema} -c idle_in_transaction_session_timeout=60000` };
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

async function migrate(dataSource: DataSource): Promise<void> {
  const lock = `hashtextextended('anneal:migrations:' || current_schema(), 0)`;
  const holder = dataSource.createQueryRunner();
  try {
    await holder.query(`SELECT pg_advisory_lock(${lock})`);
    try {
      await dataSource.runMigrations({ transaction: 'each' });
    } finally {
      await holder.query(`SELECT pg_advisory_unlock(${lock})`);
    }
  } catch (error) {
    throw databaseError(error);
  } finally {
    await holder.release();
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
