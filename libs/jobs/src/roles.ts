import pg from 'pg';
import { databaseError } from './postgres-errors.js';

export interface ServiceRole {
  readonly name: string;
  readonly password: string;
}

/**
 * A schema that belongs to no service: its tables are a library's, and belong to a role without a login. Members of the
 * role may use them, and readers may look.
 */
const shared = [{ name: 'devices', members: ['trainer', 'merger', 'evaluator'], readers: ['gateway'] }];

/**
 * Gives every service a role and a schema of the same name that nobody else may use. Runs as superuser, as often as one
 * likes: what is there already is brought into line, the password included.
 *
 * @throws Failure DATABASE_UNAVAILABLE
 */
export async function prepareRoles(adminUrl: string, services: readonly ServiceRole[]): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl, connectionTimeoutMillis: 5_000, query_timeout: 60_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('BEGIN');
    // Two runs at once would both find no role and both create it.
    await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('anneal:roles', 0))`);
    await client.query('REVOKE CREATE ON SCHEMA public FROM PUBLIC');
    for (const service of services) await prepareRole(client, service);
    for (const schema of shared) await prepareShared(client, schema, new Set(services.map(({ name }) => name)));
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

async function prepareShared(
  client: pg.Client,
  { name, members, readers }: (typeof shared)[number],
  known: ReadonlySet<string>,
): Promise<void> {
  const role = client.escapeIdentifier(name);
  const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [name]);
  await client.query(
    `${rowCount === 0 ? 'CREATE' : 'ALTER'} ROLE ${role} WITH NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS`,
  );
  await client.query(`CREATE SCHEMA IF NOT EXISTS ${role} AUTHORIZATION ${role}`);
  await client.query(`ALTER SCHEMA ${role} OWNER TO ${role}`);
  await client.query(`REVOKE ALL ON SCHEMA ${role} FROM PUBLIC`);
  for (const member of members.filter((one) => known.has(one))) {
    await client.query(`GRANT ${role} TO ${client.escapeIdentifier(member)}`);
  }
  for (const reader of readers.filter((one) => known.has(one)).map((one) => client.escapeIdentifier(one))) {
    await client.query(`GRANT USAGE ON SCHEMA ${role} TO ${reader}`);
    await client.query(`GRANT SELECT ON ALL TABLES IN SCHEMA ${role} TO ${reader}`);
    await client.query(
      `ALTER DEFAULT PRIVILEGES FOR ROLE ${role} IN SCHEMA ${role} GRANT SELECT ON TABLES TO ${reader}`,
    );
  }
}
