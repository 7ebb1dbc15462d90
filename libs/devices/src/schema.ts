import { Failure } from '@anneal/contracts';
import { keepAlive } from '@anneal/jobs';
import { DataSource } from 'typeorm';
import { CreateDevices1767226200000 } from './migrations/1767226200000-CreateDevices.js';

/**
 * Brings the schema `devices` up to date, as the role of that name, so that its tables belong to none of the services.
 * Those that start together migrate one after the other.
 *
 * @param url of any service that is a member of the role
 * @throws Failure CONFIG_INVALID when the role is not there
 */
export async function openDeviceSchema(url: string): Promise<void> {
  const dataSource = new DataSource({
    type: 'postgres',
    url,
    schema: 'devices',
    applicationName: 'anneal-devices',
    poolSize: 2,
    migrations: [CreateDevices1767226200000],
    migrationsTableName: 'migrations',
    installExtensions: false,
    logging: false,
    poolErrorHandler: () => undefined,
    extra: {
      options: '-c role=devices -c search_path=devices',
      ...keepAlive,
    },
  });
  await dataSource.initialize().catch((cause: unknown) => {
    throw new Failure('CONFIG_INVALID', 'The database has no role "devices" that this service is a member of.', {
      remedy: 'Run "anneal migrate", which prepares roles and schemas.',
      cause,
    });
  });
  const holder = dataSource.createQueryRunner();
  const lock = `hashtextextended('anneal:migrations:devices', 0)`;
  try {
    await holder.query(`SELECT pg_advisory_lock(${lock})`);
    await dataSource.runMigrations({ transaction: 'each' });
    await holder.query(`SELECT pg_advisory_unlock(${lock})`);
  } finally {
    await holder.release();
    await dataSource.destroy();
  }
}
