import { setTimeout as sleep } from 'node:timers/promises';
import { connectStore } from '@anneal/artifacts';
import { Failure, type ServicePulse, type SystemView } from '@anneal/contracts';
import { withDatabase } from '@anneal/jobs';
import { connectNats, durableStream, durableStreamState, requireServerVersion } from '@anneal/messaging';
import { build } from '@anneal/service/build';
import { z } from 'zod';
import type { Endpoints } from '../gateway/endpoints.js';
import { GatewayClient } from '../gateway/gateway.client.js';
import type { Check, Finding } from './check.js';

/** PostgreSQL 15 is the first whose `public` schema nobody may write to. */
const leastPostgres = 15;
/** S3 servers refuse signatures that are off by a quarter of an hour, and leases are told in the database's time. */
const clockLimits = { warning: 5, broken: 600 };
/** Longer than the time between two pulses of a service. */
const pulsesMs = 12_000;
const names = ['broker', 'database', 'object store', 'clock', 'services', 'dead letters'] as const;

/** A running system, asked with the operations that its services use. */
export function systemChecks(endpoints: Endpoints): Check[] {
  const gateway = new GatewayClient(endpoints);
  return [
    { name: 'broker', run: () => brokerFinding(endpoints.nats) },
    { name: 'database', run: () => databaseFinding(endpoints.postgres) },
    { name: 'object store', run: () => storeFinding(endpoints.s3) },
    { name: 'clock', run: () => clockOf(endpoints.postgres) },
    { name: 'services', run: async () => servicesFinding(await allHeard(gateway), build.version) },
    { name: 'dead letters', run: async () => deadLettersFinding(await gateway.system()) },
  ];
}

/** In place of the checks of a system that does not run. */
export function noSystem(why: string): Check[] {
  return names.map((name) => ({ name, run: async () => ({ state: 'skipped', message: why }) }));
}

/** Every service tells of itself every few seconds, so right after a start some were not heard yet. */
async function allHeard(gateway: GatewayClient): Promise<SystemView> {
  const giveUpAt = performance.now() + pulsesMs;
  for (;;) {
    const system = await gateway.system();
    if (system.missing.length === 0 || performance.now() > giveUpAt) return system;
    await sleep(500);
  }
}

async function brokerFinding(url: string): Promise<Finding> {
  const connection = await connectNats({ url, name: 'anneal-doctor' });
  try {
    requireServerVersion(connection);
    const stream = await durableStreamState(connection);
    const server = `NATS ${connection.info?.version ?? ''}`;
    if (!stream) {
      return {
        state: 'broken',
        message: `${server} has no stream ${durableStream.name}.`,
        remedy: 'Run "anneal migrate", which makes it; the services publish again what they said.',
      };
    }
    return {
      state: 'ok',
      message: `${server} has the stream ${durableStream.name} with ${stream.lastSequence} events.`,
    };
  } finally {
    await connection.close();
  }
}

const version = z.tuple([z.object({ number: z.coerce.number() })]);

async function databaseFinding(url: string): Promise<Finding> {
  return withDatabase(url, async (client) => {
    const [{ number }] = version.parse(
      (await client.query(`SELECT current_setting('server_version_num') AS number`)).rows,
    );
    const major = Math.floor(number / 10_000);
    // What a full or read-only disk would refuse.
    await client.query('CREATE TEMPORARY TABLE doctor (probe int) ON COMMIT DROP');
    if (major >= leastPostgres) return { state: 'ok', message: `PostgreSQL ${major} takes connections and writes.` };
    return {
      state: 'broken',
      message: `PostgreSQL ${major} is too old.`,
      remedy: `Use PostgreSQL ${leastPostgres} or newer.`,
    };
  });
}

async function storeFinding(url: string): Promise<Finding> {
  const { origin, username, password, pathname } = new URL(url);
  const bucket = decodeURIComponent(pathname.slice(1));
  const store = connectStore({
    endpoint: origin,
    accessKey: decodeURIComponent(username),
    secretKey: decodeURIComponent(password),
    bucket,
    region: 'us-east-1',
  });
  // Writes an object, and tries to write over it.
  await store.ensureReady();
  const safe = store.conditionalWrites === true;
  if (safe) return { state: 'ok', message: `The bucket ${bucket} takes objects, and never two under one name.` };
  return {
    state: 'warning',
    message: `The bucket ${bucket} takes objects, but writes over what is there when asked not to.`,
    remedy: 'Two publications of one name at once may then both succeed: use a store with conditional writes.',
  };
}

const clock = z.tuple([z.object({ now: z.coerce.number() })]);

async function clockOf(url: string): Promise<Finding> {
  return withDatabase(url, async (client) => {
    const asked = Date.now();
    const [{ now }] = clock.parse((await client.query('SELECT extract(epoch FROM clock_timestamp()) AS now')).rows);
    // The answer was made somewhere between the question and now.
    return clockFinding((asked + Date.now()) / 2000 - now);
  });
}

/** @param seconds by which this machine is ahead of the database */
export function clockFinding(seconds: number): Finding {
  const off = Math.abs(seconds);
  if (off < clockLimits.warning)
    return { state: 'ok', message: 'The clocks of this machine and of the database agree.' };
  const message = `The clock of this machine is ${Math.round(off)} s ${seconds > 0 ? 'ahead of' : 'behind'} the database's.`;
  const remedy = 'Let a time service (chrony, systemd-timesyncd) set the clocks of all machines.';
  return { state: off < clockLimits.broken ? 'warning' : 'broken', message, remedy };
}

/** @param expected version of this command */
export function servicesFinding({ services, missing }: SystemView, expected: string): Finding {
  const unwell = services.filter(({ readiness }) => readiness.status === 'down').map(said);
  if (missing.length > 0 || unwell.length > 0) {
    const gone = missing.map((name) => `${name} was not heard`);
    return {
      state: 'broken',
      message: `Not all services work: ${[...gone, ...unwell].join('; ')}.`,
      remedy: 'Look at their logs; each says what it lacks.',
    };
  }
  const others = services.filter((service) => service.version !== expected);
  if (others.length > 0) {
    const named = others.map((service) => `${service.service} ${service.version}`).join(', ');
    return {
      state: 'warning',
      message: `This is version ${expected}, and there runs ${named}.`,
      remedy: 'That is fine while an upgrade goes on; else bring all to one version.',
    };
  }
  return { state: 'ok', message: `All ${services.length} are ready, version ${expected}.` };
}

function said({ service, readiness }: ServicePulse): string {
  const down = Object.entries(readiness.parts).filter(([, part]) => part.state === 'down');
  return `${service}: ${down.map(([name, { reason }]) => `${name} ${reason ?? 'is down'}`).join(', ')}`;
}

export function deadLettersFinding({ services }: SystemView): Finding {
  const left = services.filter(({ backlog }) => (backlog?.deadLetters ?? 0) > 0);
  if (left.length === 0) return { state: 'ok', message: 'No event was set aside.' };
  const named = left.map(({ service, backlog }) => `${backlog?.deadLetters} of ${service}`).join(', ');
  return {
    state: 'warning',
    message: `Events were set aside: ${named}.`,
    remedy: '"anneal deadletters list" says why; "anneal deadletters replay ID" tries one again.',
  };
}

/** Why the checks of a system are left out, when its folder says that none runs. */
export function whyNoSystem(error: unknown): string | undefined {
  return error instanceof Failure && error.code === 'NOT_RUNNING' ? error.message : undefined;
}
