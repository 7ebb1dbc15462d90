import { setTimeout as pause } from 'node:timers/promises';
import { connectStore } from '@anneal/artifacts';
import { serviceNames, stageNames } from '@anneal/contracts';
import type { Observer } from './observer.js';
import { consumerBacklog, readStream, type StoredEvent } from './stream.js';
import { hubName, type World } from './world.js';

export interface Expected {
  /** Runs that are meant to succeed; every other one only has to end. */
  readonly succeed: readonly string[];
  /** Dead letters that were provoked. */
  readonly deadLetters?: number;
  /** Secrets that may stand nowhere. */
  readonly secrets?: readonly string[];
}

export interface Finding {
  readonly invariant: string;
  readonly holds: boolean;
  readonly detail: string;
}

const order = [
  'anneal.train.requested',
  'anneal.dataset.prepared',
  'anneal.training.started',
  'anneal.training.completed',
  'anneal.model.merged',
  'anneal.evaluation.completed',
  'anneal.model.published',
  'anneal.run.succeeded',
];
const settleMs = 15_000;

/** Checks from the outside what has to be true once the faults have stopped and every run has ended. */
export async function checkInvariants(
  world: World,
  expected: Expected,
  { ended, observer }: { ended: boolean; observer?: Observer },
): Promise<Finding[]> {
  await quiet(world);
  const events = await readStream(world.nats);
  return [
    {
      invariant: 'I1 every accepted run ends',
      holds: ended,
      detail: ended ? `${world.requested.length} runs` : await open(world),
    },
    ...(await effects(world, events, expected, observer)),
    await everyEventHasItsRow(world, events),
    inOrder(events, expected),
    await nothingWaits(world, expected),
    await artifactsAreWhole(world, events),
    ...(world.onHub.size > 0 ? [onceOnTheHub(world, expected)] : []),
    noSecrets(world, events, expected),
    await attemptsWithinLimits(world),
    ...(observer
      ? [
          {
            invariant: 'I9 the API never goes back',
            holds: observer.backwards.length === 0,
            detail: observer.backwards.slice(0, 3).join('; ') || `${observer.samples} looks`,
          },
        ]
      : []),
  ];
}

/** Waits until outboxes are empty and consumers have nothing before them; what does not come shows in the checks. */
async function quiet(world: World): Promise<void> {
  for (const end = Date.now() + settleMs; Date.now() < end; await pause(200)) {
    const backlog = await consumerBacklog(world.nats).catch(() => undefined);
    const unpublished = await countAll(world, 'outbox', 'published_at IS NULL').catch(() => 1);
    if (unpublished === 0 && backlog?.every(({ pending, unacked }) => pending === 0 && unacked === 0)) return;
  }
}

async function open(world: World): Promise<string> {
  const rows = await world.query<{ id: string; stages: string }>(
    `SELECT run.id, string_agg(stage.stage || '=' || stage.state, ' ') AS stages FROM gateway.run
       JOIN gateway.stage ON stage.run_id = run.id WHERE run.state = 'running' GROUP BY run.id`,
  );
  return (
    rows
      .map(({ id, stages }) => `${id}: ${stages}`)
      .slice(0, 4)
      .join('; ') || 'some never reached the gateway'
  );
}

async function effects(
  world: World,
  events: readonly StoredEvent[],
  { succeed }: Expected,
  observer: Observer | undefined,
): Promise<Finding[]> {
  const wrong: string[] = [];
  for (const run of succeed) {
    for (const subject of order.slice(1)) {
      const ids = new Set(events.filter((event) => event.run === run && event.subject === subject).map(({ id }) => id));
      if (ids.size !== 1) wrong.push(`${run} ${subject} ${ids.size} times`);
    }
  }
  const tags = await storeOf(world).listTags();
  const published = new Map<string, number>();
  for (const { runId } of tags) published.set(runId, (published.get(runId) ?? 0) + 1);
  for (const run of succeed) {
    const wanted = world.onHub.has(run) ? 0 : 1;
    if ((published.get(run) ?? 0) !== wanted) wrong.push(`${run} has ${published.get(run) ?? 0} tags`);
  }
  const doubled = [...(observer?.doubled ?? [])];
  return [
    {
      invariant: 'I2 every effect happens exactly once',
      holds: wrong.length === 0,
      detail:
        wrong.slice(0, 4).join('; ') ||
        [
          `${succeed.length} runs`,
          ...(world.cheap ? [`${world.trainings.starts().length} starts of trainings`] : []),
        ].join(', '),
    },
    ...(observer
      ? [
          {
            invariant: 'I2 never two live trainings of a run',
            holds: doubled.length === 0,
            detail: doubled.slice(0, 4).join(', ') || `${observer.samples} looks at the process table`,
          },
        ]
      : []),
  ];
}

async function everyEventHasItsRow(world: World, events: readonly StoredEvent[]): Promise<Finding> {
  const rows = new Map<string, boolean>();
  for (const service of serviceNames) {
    const found = await world.query<{ id: string; published: boolean }>(
      `SELECT id::text AS id, published_at IS NOT NULL AS published FROM "${service}".outbox`,
    );
    for (const { id, published } of found) rows.set(id, published);
  }
  const unpublished = [...rows].filter(([, published]) => !published).length;
  const said = events.filter(({ source }) => (serviceNames as readonly string[]).includes(source));
  const without = said.filter(({ id }) => !rows.has(id));
  const lost = [...rows.keys()].filter((id) => !events.some((event) => event.id === id));
  return {
    invariant: 'I3 events and outbox rows are the same',
    holds: unpublished === 0 && without.length === 0 && lost.length === 0,
    detail: `${rows.size} rows, ${unpublished} not published, ${without.length} events without a row, ${lost.length} rows without an event`,
  };
}

function inOrder(events: readonly StoredEvent[], { succeed }: Expected): Finding {
  const wrong = succeed.filter((run) => {
    const firsts = order.map((subject) => events.find((event) => event.run === run && event.subject === subject));
    const sequences = firsts.map((event) => event?.sequence ?? 0);
    // After a lost store events are said again by six services at once: only their presence counts then.
    return !sequences.every((sequence) => sequence > 0);
  });
  return {
    invariant: 'I3 every run has all its events',
    holds: wrong.length === 0,
    detail: wrong.slice(0, 4).join(', ') || `${succeed.length} runs of ${order.length} events`,
  };
}

async function nothingWaits(world: World, { deadLetters = 0 }: Expected): Promise<Finding> {
  const backlog = (await consumerBacklog(world.nats)).filter(({ pending, unacked }) => pending > 0 || unacked > 0);
  const dead = await countAll(world, 'dead_letter', 'true');
  return {
    invariant: 'I4 no event waits, dead letters are those provoked',
    holds: backlog.length === 0 && dead === deadLetters,
    detail: `${backlog.map(({ name, pending, unacked }) => `${name} ${pending}/${unacked}`).join(', ') || 'no backlog'}, ${dead} dead letters of ${deadLetters}`,
  };
}

async function artifactsAreWhole(world: World, events: readonly StoredEvent[]): Promise<Finding> {
  const store = storeOf(world);
  const digests = new Set(
    events.flatMap(({ text }) => [...text.matchAll(/"digest":"([0-9a-f]{64})"/g)].map((match) => match[1] ?? '')),
  );
  const broken: string[] = [];
  for (const digest of digests) {
    try {
      const ref = await store.refOf(digest);
      const { files } = await store.readManifest(ref);
      for (const { path } of files) await store.getFile(ref, path);
    } catch (error) {
      broken.push(`${digest.slice(0, 8)}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return {
    invariant: 'I5 artifacts re-hash to their keys',
    holds: broken.length === 0,
    detail: broken.slice(0, 3).join('; ') || `${digests.size} artifacts`,
  };
}

/** Every run that was to be published on the Hub made one commit there, and nobody else made any. */
function onceOnTheHub(world: World, { succeed }: Expected): Finding {
  const wanted = succeed.filter((run) => world.onHub.has(run));
  const wrong = wanted.flatMap((run) => {
    const name = hubName(run);
    const titles = world.hub.has(name) ? world.hub.repository(name).commits.map(({ title }) => title) : [];
    const own = titles.filter((title) => title === `Anneal run ${run}`).length;
    return own === 1 ? [] : [`${run} has ${own} commits`];
  });
  return {
    invariant: 'I6 one commit on the Hub for each publication',
    holds: wrong.length === 0,
    detail: wrong.join(', ') || `${wanted.length} of ${wanted.length}`,
  };
}

function noSecrets(world: World, events: readonly StoredEvent[], { secrets = [] }: Expected): Finding {
  const text = [world.logs(), world.trainings.said(), ...events.map((event) => event.text)].join('\n');
  const found = [...secrets, ...world.secrets()].filter((secret) => text.includes(secret));
  return { invariant: 'I7 no secret in logs and events', holds: found.length === 0, detail: `${found.length} found` };
}

async function attemptsWithinLimits(world: World): Promise<Finding> {
  const over: string[] = [];
  for (const stage of stageNames) {
    const rows = await world.query<{ run_id: string }>(
      `SELECT run_id FROM "${stage}".job WHERE attempt > max_attempts`,
    );
    over.push(...rows.map(({ run_id: run }) => `${stage} ${run}`));
  }
  return {
    invariant: 'I8 attempts stay within their limit',
    holds: over.length === 0,
    detail: over.join(', ') || 'all jobs',
  };
}

async function countAll(world: World, table: string, condition: string): Promise<number> {
  let count = 0;
  for (const service of serviceNames) {
    const [row] = await world.query<{ count: string }>(
      `SELECT count(*) AS count FROM "${service}".${table} WHERE ${condition}`,
    );
    count += Number(row?.count ?? 0);
  }
  return count;
}

export function storeOf(world: World) {
  const { endpoint, accessKey, secretKey, bucket, region } = world.servers.servers.s3;
  return connectStore({ endpoint, accessKey, secretKey, bucket, region });
}
