import { Failure, type EndedAttempt, type FailureDetail } from '@anneal/contracts';
import { traceCarrier, type TraceCarrier } from '@anneal/tracing';
import type { DataSource, EntityManager } from 'typeorm';
import { z } from 'zod';
import { countOf, returnedRows } from './rows.js';
import type { ClaimedJob } from './work.js';
import type { JobChoice } from './worker-options.js';

// Every statement on job rows that a worker sends. Times are the database's own: clocks of hosts differ.

type Queryable = Pick<EntityManager, 'query'>;
type Owned = Pick<ClaimedJob<unknown>, 'id' | 'token'>;

const claimedRow = z
  .object({
    id: z.string(),
    run_id: z.string(),
    kind: z.string(),
    input: z.unknown(),
    attempt: z.int(),
    max_attempts: z.int(),
    outages: z.int(),
    lease_token: z.string(),
    causation_id: z.string().nullable(),
    exhausted: z.boolean(),
    paused: z.boolean(),
    started_at: z.date(),
    turn: z.int(),
    trace: traceCarrier.nullable(),
    attempt_trace: traceCarrier.nullable(),
    project: z.string(),
    silent_number: z.int().nullable(),
    silent_since: z.date().nullable(),
    silent_until: z.date().nullable(),
  })
  .transform((row) => ({
    exhausted: row.exhausted,
    paused: row.paused,
    silent: silentAttempt(row),
    trace: row.trace,
    lastTrace: row.attempt_trace,
    job: {
      id: row.id,
      runId: row.run_id,
      kind: row.kind,
      input: row.input,
      attempt: row.attempt,
      maxAttempts: row.max_attempts,
      outages: row.outages,
      startedAt: row.started_at.toISOString(),
      turn: row.turn,
      project: row.project,
      token: row.lease_token,
      causationId: row.causation_id ?? undefined,
    },
  }));
/**
 * `exhausted`: the last attempt's worker fell silent; the job is claimed only to be failed. `paused`: the run was paused
 * meanwhile; the job is claimed only to stop what that worker left running. `silent`: the attempt of that worker, which
 * ended without a word. `trace`: of the event that led to the job. `lastTrace`: of the last claim before this one.
 */
export type Claim = z.infer<typeof claimedRow>;

/**
 * Claims one job: ready and due, or running under a lease that ran out. The attempt is counted here, before the work,
 * so that work which kills its process is not started for ever.
 *
 * @param except ids of jobs that this process still works on under an older token
 */
export async function claim(
  database: Queryable,
  {
    kind,
    owner,
    leaseSeconds,
    except,
    choice,
  }: { kind: string; owner: string; leaseSeconds: number; except: string[]; choice?: JobChoice | undefined },
): Promise<Claim | undefined> {
  // MATERIALIZED: a subquery that the planner may run again would lock and claim several rows.
  const result = await database.query<unknown>(
    `WITH next AS MATERIALIZED (
       SELECT id, state = 'running' AND attempt >= max_attempts AS exhausted,
              EXISTS (SELECT FROM run_course WHERE run_course.run_id = job.run_id AND course = 'paused') AS paused,
              CASE WHEN state = 'running' THEN attempt END AS silent_number,
              CASE WHEN state = 'running' THEN coalesce(attempt_started_at, started_at) END AS silent_since,
              CASE WHEN state = 'running' THEN lease_until END AS silent_until
         FROM job
        WHERE kind = $1 AND id <> ALL ($4::uuid[])
          -- One that ran when its run was paused is claimed: what it left running has to be stopped.
          AND ((state = 'ready' AND run_at <= now() AND NOT EXISTS (
                 SELECT FROM run_course WHERE run_course.run_id = job.run_id AND course = 'paused'))
               OR (state = 'running' AND lease_until < now()))
          ${choice ? `AND NOT (${choice.not})` : ''}
        ORDER BY ${choice ? `(${choice.first}) DESC, ` : ''}run_at, created_at
        LIMIT 1
          FOR UPDATE SKIP LOCKED
     )
     UPDATE job
        SET state = 'running', lease_owner = $2, lease_token = lease_token + 1,
            lease_until = now() + make_interval(secs => $3::float8),
            attempt = CASE WHEN next.exhausted THEN attempt ELSE attempt + 1 END,
            started_at = coalesce(started_at, now()), attempt_started_at = now()
       FROM next
      WHERE job.id = next.id
     RETURNING job.id, run_id, kind, input, attempt, max_attempts, outages, turn, project, lease_token, causation_id, exhausted,
               paused, attempt_started_at AS started_at, silent_number, silent_since, silent_until, trace, attempt_trace`,
    [kind, owner, leaseSeconds, except, ...(choice ? [choice.value] : [])],
  );
  const [row] = returnedRows(result);
  return row === undefined ? undefined : claimedRow.parse(row);
}

interface SilentColumns {
  readonly kind: string;
  readonly lease_token: string;
  readonly silent_number: number | null;
  readonly silent_since: Date | null;
  readonly silent_until: Date | null;
}

function silentAttempt({ kind, lease_token, ...silent }: SilentColumns): EndedAttempt | undefined {
  const { silent_number: number, silent_since: since, silent_until: until } = silent;
  if (number === null || since === null || until === null) return undefined;
  const failure = new Failure('LEASE_LOST', `The process that did ${kind} fell silent in attempt ${number}.`, {
    remedy: 'Look in the log of the service and of its host for what ended it, often a lack of memory.',
  });
  return {
    work: kind,
    claim: Number(lease_token) - 1,
    number,
    state: 'failed',
    startedAt: since.toISOString(),
    finishedAt: until.toISOString(),
    failure: failure.toDetail(),
  };
}

/** @returns false when the token is stale or the job is no longer running */
async function change(database: Queryable, job: Owned, set: string, values: unknown[] = []): Promise<boolean> {
  const result = await database.query<unknown>(
    `UPDATE job SET ${set} WHERE id = $1 AND lease_token = $2 AND state = 'running'`,
    [job.id, job.token, ...values],
  );
  return countOf(result) === 1;
}

/** Lets the claim that comes after this one say which it follows, also when this process is gone by then. */
export function rememberTrace(database: Queryable, job: Owned, trace: TraceCarrier): Promise<boolean> {
  return change(database, job, 'attempt_trace = $3::jsonb', [JSON.stringify(trace)]);
}

const unowned = 'lease_owner = NULL, lease_until = NULL';

export function renew(database: Queryable, job: Owned, leaseSeconds: number): Promise<boolean> {
  return change(database, job, 'lease_until = now() + make_interval(secs => $3::float8)', [leaseSeconds]);
}

export async function isPaused(database: Queryable, { runId }: { runId: string }): Promise<boolean> {
  const rows = await database.query<unknown[]>(`SELECT FROM run_course WHERE run_id = $1 AND course = 'paused'`, [
    runId,
  ]);
  return rows.length > 0;
}

export function succeed(tx: Queryable, job: Owned): Promise<boolean> {
  return change(tx, job, `state = 'succeeded', finished_at = now(), failure = NULL, ${unowned}`);
}

export function fail(tx: Queryable, job: Owned, failure: FailureDetail): Promise<boolean> {
  const set = `state = 'failed', finished_at = now(), failure = $3::jsonb, ${unowned}`;
  return change(tx, job, set, [JSON.stringify(failure)]);
}

export function retryLater(tx: Queryable, job: Owned, failure: FailureDetail, pauseMs: number): Promise<boolean> {
  const runAt = 'now() + make_interval(secs => $4::float8)';
  const set = `state = 'ready', run_at = ${runAt}, failure = $3::jsonb, ${unowned}`;
  return change(tx, job, set, [JSON.stringify(failure), pauseMs / 1000]);
}

/** As {@link retryLater}, for something that is away: the attempt does not count, the outage does. */
export function waitForEnd(tx: Queryable, job: Owned, failure: FailureDetail, pauseMs: number): Promise<boolean> {
  const runAt = 'now() + make_interval(secs => $4::float8)';
  const counts = 'attempt = greatest(attempt - 1, 0), outages = outages + 1';
  const set = `state = 'ready', run_at = ${runAt}, failure = $3::jsonb, ${counts}, ${unowned}`;
  return change(tx, job, set, [JSON.stringify(failure), pauseMs / 1000]);
}

/** Puts a job back as if it had not been claimed; another worker hears of it. */
export async function giveBack(tx: Queryable, job: Owned): Promise<boolean> {
  const held = await change(tx, job, `state = 'ready', run_at = now(), attempt = greatest(attempt - 1, 0), ${unowned}`);
  if (held) await tx.query(`SELECT pg_notify('anneal_job_' || current_schema(), 'ready')`);
  return held;
}

export async function isCancelled(dataSource: DataSource, job: Owned): Promise<boolean> {
  const rows = await dataSource.query<unknown[]>(`SELECT FROM job WHERE id = $1 AND state = 'cancelled'`, [job.id]);
  return rows.length > 0;
}
