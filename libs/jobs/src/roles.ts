import pg from 'pg';
import { databaseError } from './postgres-errors.js';

export interface ServiceRole {
  readonly name: string;
  readonly password: string;
}

/**
 * Gives every service a role and a schema of the same name that nobody else may use. Runs as superuser, as often as one
 * likes: what is there already is brought into line, the password included.
 *
 * @throws Failure DATABASE_UNAVAILABLE
 */
export async function prepareRoles(adminUrl: string, services: readonly ServiceRole[]): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('BEGIN');
    // Two runs at once would both find no role and both create it.
    await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('anneal:roles', 0))`);
    await client.query('REVOKE CREATE ON SCHEMA public FROM PUBLIC');
    for (const service of services) await prepareRole(client, service);
    await client.query('COMMIT');
  } catch (error) {
    throw databaseError(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function prepareRole(client: pg.Client, { name, password }: ServiceRole): Promise<void> {
  const role = client.escapeIdentifier(name);
  const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [name]);
  // Roles, passwords and schemas are no parameters in SQL; they are escaped instead.
  await client.query(
    `${rowCount === 0 ? 'CREATE' : 'ALTER'} ROLE ${role} WITH LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS
       PASSWORD ${client.escapeLiteral(password)}`,
  );
  await client.query(`CREATE SCHEMA IF NOT EXISTS ${role} AUTHORIZATION ${role}`);
  await client.query(`ALTER SCHEMA ${role} OWNER TO ${role}`);
  await client.query(`REVOKE ALL ON SCHEMA ${role} FROM PUBLIC`);
}
