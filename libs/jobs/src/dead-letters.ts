import { Failure, serviceNames, type ServiceName } from '@anneal/contracts';
import pg from 'pg';
import { z } from 'zod';
import { databaseError } from './postgres-errors.js';

// The operator's side: over a connection that may look into the schemas of all services.

/** A connection of node-postgres, or anything that queries like one. */
export interface DatabaseClient {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[]; rowCount: number | null }>;
}

/** An event that a service set aside, since it could not be read or acted upon. */
export interface DeadLetter {
  readonly id: string;
  /** Whose it is: the service that set it aside. */
  readonly service: ServiceName;
  readonly subject: string;
  readonly streamSequence: number;
  readonly eventId: string;
  readonly reason: string;
  /** How often it was delivered before it was set aside. */
  readonly deliveries: number;
  readonly setAsideAt: Date;
  /** When it was last published again. */
  readonly replayedAt: Date | undefined;
}

/** All that is needed to publish it again. */
export interface StoredDeadLetter extends DeadLetter {
  readonly headers: Record<string, string[]>;
  readonly bytes: Buffer;
}

const columns = 'id, subject, stream_seq, event_id, reason, deliveries, set_aside_at, replayed_at';
const listed = z.object({
  id: z.string(),
  service: z.enum(serviceNames),
  subject: z.string(),
  stream_seq: z.coerce.number(),
  event_id: z.string(),
  reason: z.string(),
  deliveries: z.number(),
  set_aside_at: z.date(),
  replayed_at: z.date().nullable(),
});
const stored = listed.extend({ headers: z.record(z.string(), z.array(z.string())), bytes: z.instanceof(Buffer) });
const id = z.uuid();

/**
 * Opens a connection for the functions of this file, and closes it afterwards.
 *
 * @param url of a user who may read and change the schemas of the services
 * @throws Failure DATABASE_UNAVAILABLE
 */
export async function withDatabase<T>(url: string, body: (client: DatabaseClient) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000, query_timeout: 60_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await body(client);
  } catch (error) {
    throw databaseError(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** What those services set aside, the oldest first. A service that was never started has nothing. */
export async function listDeadLetters(
  client: DatabaseClient,
  services: readonly ServiceName[] = serviceNames,
): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = [];
  for (const service of await withTable(client, services)) {
    const { rows } = await client.query(`SELECT ${columns}, '${service}' AS service FROM ${service}.dead_letter`);
    letters.push(...z.array(listed).parse(rows).map(toLetter));
  }
  return letters.toSorted((one, other) => one.setAsideAt.getTime() - other.setAsideAt.getTime());
}

/** With headers and bytes; undefined when there is none. */
export async function findDeadLetter(client: DatabaseClient, letterId: string): Promise<StoredDeadLetter | undefined> {
  if (!id.safeParse(letterId).success) return undefined;
  for (const service of await withTable(client, serviceNames)) {
    const { rows } = await client.query(
      `SELECT ${columns}, headers, bytes, '${service}' AS service FROM ${service}.dead_letter WHERE id = $1`,
      [letterId],
    );
    const row = z.array(stored).parse(rows)[0];
    if (row) return { ...toLetter(row), headers: row.headers, bytes: row.bytes };
  }
  return undefined;
}

/** Forgets a dead letter for good. @returns whether there was one */
export function dropDeadLetter(client: DatabaseClient, letterId: string): Promise<boolean> {
  return change(client, letterId, (service) => `DELETE FROM ${service}.dead_letter WHERE id = $1`);
}

/** Notes that a dead letter was published again; it stays until it is dropped. @returns whether there was one */
export function markReplayed(client: DatabaseClient, letterId: string): Promise<boolean> {
  return change(client, letterId, (service) => `UPDATE ${service}.dead_letter SET replayed_at = now() WHERE id = $1`);
}

async function change(
  client: DatabaseClient,
  letterId: string,
  statement: (service: ServiceName) => string,
): Promise<boolean> {
  if (!id.safeParse(letterId).success) return false;
  for (const service of await withTable(client, serviceNames)) {
    const { rowCount } = await client.query(statement(service), [letterId]);
    if (rowCount === 1) return true;
  }
  return false;
}

async function withTable(client: DatabaseClient, services: readonly ServiceName[]): Promise<ServiceName[]> {
  const unknown = services.filter((service) => !serviceNames.includes(service));
  // Names of schemas are part of the statements' text.
  if (unknown.length > 0) {
    throw new Failure('CONFIG_INVALID', `There is no service ${unknown.join(', ')}.`, {
      remedy: `Choose among ${serviceNames.join(', ')}.`,
    });
  }
  const { rows } = await client.query(
    `SELECT service FROM unnest($1::text[]) AS service WHERE to_regclass(service || '.dead_letter') IS NOT NULL`,
    [services],
  );
  return z
    .array(z.object({ service: z.enum(serviceNames) }))
    .parse(rows)
    .map(({ service }) => service);
}

function toLetter(row: z.infer<typeof listed>): DeadLetter {
  return {
    id: row.id,
    service: row.service,
    subject: row.subject,
    streamSequence: row.stream_seq,
    eventId: row.event_id,
    reason: row.reason,
    deliveries: row.deliveries,
    setAsideAt: row.set_aside_at,
    replayedAt: row.replayed_at ?? undefined,
  };
}
