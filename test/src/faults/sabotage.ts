// Loaded into a service process before its own code (`node --import`): lets it crash at a named edge, or switches one
// mechanism off to show that the suite notices. Nothing of the services knows of it.
import childProcess from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { Inbox, JobQueue, JobWorker, Outbox, OutboxRelay } from '@anneal/jobs';
import { ClusterClient } from '@anneal/kubernetes';
import { Client as StoreClient } from 'minio';
import pg from 'pg';
import { crashFile, readSabotage, type CrashPoint, type Sabotage } from './sabotage-plan.js';

const folder = process.env['ANNEAL_SABOTAGE'] ?? '';
const service = process.env['ANNEAL_SABOTAGE_SERVICE'] ?? '';
const skewMs = Number(process.env['ANNEAL_SABOTAGE_SKEW_MS'] ?? 0);

/** A method as it was before it is replaced; it is always called with its owner. */
function methodOf<Owner extends object, Name extends keyof Owner>(owner: Owner, name: Name): Owner[Name] {
  return Reflect.get(owner, name);
}

function plan(): Sabotage {
  return readSabotage(folder);
}

/** Dies here, once per round: the next life of the service goes past this edge. */
function crashAt(point: CrashPoint): void {
  const { crash = [], round = 0 } = plan();
  if (!crash.includes(point)) return;
  try {
    closeSync(openSync(crashFile(folder, round, service, point), 'wx'));
  } catch {
    return;
  }
  process.kill(process.pid, 'SIGKILL');
}

interface Client {
  query(...args: unknown[]): unknown;
  sawInbox?: boolean;
  sawSuccess?: boolean;
}

const prototype = pg.Client.prototype as unknown as Client;
const query = methodOf(prototype, 'query');

prototype.query = function (this: Client, ...args: unknown[]): unknown {
  const [first] = args;
  let text = typeof first === 'string' ? first : String((first as { text?: string } | undefined)?.text ?? '');
  if (plan().control === 'no token' && / AND lease_token = \$2 AND state = 'running'/.test(text)) {
    // A worker of a world without tokens writes whatever it brings.
    text = text.replace(" AND lease_token = $2 AND state = 'running'", ' AND $2::bigint IS NOT NULL');
    args[0] = typeof first === 'string' ? text : { ...(first as object), text };
  }
  const commits = /^COMMIT/i.test(text);
  if (/^INSERT INTO inbox/.test(text)) this.sawInbox = true;
  if (/UPDATE job SET state = 'succeeded'/.test(text)) this.sawSuccess = true;
  if (commits && this.sawInbox) crashAt('taken, not committed');
  if (commits && this.sawSuccess) crashAt('done, not committed');
  if (/^UPDATE outbox SET published_at = now\(\)/.test(text)) crashAt('published, not marked');
  const result = query.apply(this, args);
  const after: CrashPoint[] = [];
  if (commits && this.sawInbox) after.push('taken, not acknowledged');
  if (commits && this.sawSuccess) after.push('done, not published');
  if (/lease_token = lease_token \+ 1/.test(text)) after.push('claimed');
  if (commits || /^ROLLBACK/i.test(text)) this.sawInbox = this.sawSuccess = false;
  if (after.length > 0 && result instanceof Promise) {
    return result.then((value: { rowCount?: number }) => {
      if (!after.includes('claimed') || (value.rowCount ?? 0) > 0) for (const point of after) crashAt(point);
      return value;
    });
  }
  return result;
};

const take = methodOf(Inbox.prototype, 'take');
Inbox.prototype.take = async function (this: Inbox, event, act) {
  if (plan().control !== 'no inbox') return take.call(this, event, act);
  const { dataSource } = this as unknown as { dataSource: { transaction(body: typeof act): Promise<void> } };
  await dataSource.transaction(act);
  return true;
};

let publish:
  ((event: { subject: string; headers: Record<string, string>; payload: string }) => Promise<unknown>) | undefined;
const start = methodOf(OutboxRelay.prototype, 'start');
OutboxRelay.prototype.start = async function (this: OutboxRelay) {
  ({ publish } = (this as unknown as { options: { publish: NonNullable<typeof publish> } }).options);
  return start.call(this);
};

const add = methodOf(Outbox.prototype, 'add');
Outbox.prototype.add = async function (this: Outbox, tx, definition, data, context) {
  if (plan().control !== 'no outbox') return add.call(this, tx, definition, data, context);
  const kept: { subject: string; headers: Record<string, string>; payload: string }[] = [];
  const catching = {
    query: async (_sql: string, [, subject, headers, payload]: [string, string, string, string]) => {
      kept.push({ subject, headers: JSON.parse(headers) as Record<string, string>, payload });
      return [];
    },
  };
  const id = await add.call(this, catching as unknown as typeof tx, definition, data, context);
  // Said after the commit, from memory: what a service without an outbox does.
  setTimeout(() => kept.forEach((event) => void publish?.(event)), 400);
  return id;
};

// A worker that never looks at its lease, so that the token alone stands between a zombie and the tables.
const startWorker = methodOf(JobWorker.prototype, 'start');
JobWorker.prototype.start = function (this: JobWorker<unknown>) {
  if (plan().blind) {
    const { begin } = this as unknown as { begin: (...args: unknown[]) => void };
    (this as unknown as { begin: typeof begin }).begin = (...args) => {
      begin.apply(this, args);
      const { attempts } = this as unknown as { attempts: Map<string, { attempt: { lease: Blindable } }> };
      for (const { attempt } of attempts.values()) attempt.lease.abort = () => undefined;
    };
  }
  startWorker.call(this);
};
interface Blindable {
  abort: (reason: string) => void;
}

// The object store: manifests seal an artifact, tags publish it.
const putObject = methodOf(StoreClient.prototype, 'putObject');
StoreClient.prototype.putObject = async function (this: StoreClient, ...args: Parameters<StoreClient['putObject']>) {
  const [, key] = args;
  const seals = key.startsWith('manifests/');
  const tags = /^registry\/[^/]+\/[^/]+\.json$/.test(key);
  if (seals) crashAt('artifact sent, not sealed');
  if (tags) crashAt('tag not set');
  const result = await putObject.apply(this, args);
  if (seals) crashAt('artifact sealed');
  if (tags) crashAt('tag set');
  return result;
};

const { fetch } = globalThis;
globalThis.fetch = async (input, init) => {
  const address = input instanceof Request ? input.url : String(input);
  const commits = /\/api\/models\/[^?]+\/commit\//.test(address);
  if (commits) crashAt('commit not sent to the Hub');
  const answer = await fetch(input, init);
  if (commits) crashAt('committed at the Hub');
  return answer;
};

// A supervisor of the engine is the one child that is to outlive a service.
const { spawn } = childProcess;
childProcess.spawn = ((...args: Parameters<typeof spawn>) => {
  const outlives = args[2]?.detached === true;
  if (outlives) crashAt('process not started');
  const child = spawn(...args);
  // What is to be told to it has to be in its pipe before this process dies.
  if (outlives) setTimeout(() => crashAt('process started, not recorded'), 20);
  return child;
}) as typeof spawn;
syncBuiltinESMExports();

// The API server: a Job is made first, and then what its pod waits for.
const callCluster = methodOf(ClusterClient.prototype, 'call');
ClusterClient.prototype.call = async function (this: ClusterClient, call) {
  const made = call.method === 'POST' ? call.path.split('/').at(-1) : undefined;
  if (made === 'jobs') crashAt('Job not made');
  const answer = await callCluster.call(this, call);
  if (made === 'jobs') crashAt('Job made');
  if (made === 'configmaps') crashAt('configuration of the Job made');
  if (made === 'secrets') crashAt('link of the Job made');
  return answer;
};

// Whoever crashes at each edge needs more attempts than a job has; that they are limited is checked elsewhere.
const addJob = methodOf(JobQueue.prototype, 'add');
JobQueue.prototype.add = async function (this: JobQueue, tx, job) {
  return addJob.call(this, tx, plan().crash ? { ...job, maxAttempts: 50 } : job);
};

if (skewMs !== 0) {
  const now = methodOf(Date, 'now');
  Date.now = () => now() + skewMs;
  const RealDate = Date;
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args: unknown[]) =>
      Reflect.construct(target, args.length === 0 ? [now() + skewMs] : args) as Date,
  });
}
