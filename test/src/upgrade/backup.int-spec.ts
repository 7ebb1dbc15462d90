import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { readTrainRequest, TrainRequested } from '@anneal/contracts';
import { gatewayService } from '@anneal/gateway';
import { connectNats, followEvents } from '@anneal/messaging';
import { installServers } from '@anneal/embedded/install';
import { startService, type RunningService } from '@anneal/service';
import { sampleRequest, startTestServers, type TestServers } from '@anneal/testing';
import { Client } from 'minio';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';

/** docs/operations.md, "Back up and restore", on two sets of servers that share nothing. */
let before: TestServers;
let after: TestServers;
const opened: (() => Promise<void>)[] = [];

beforeAll(async () => {
  before = await startTestServers();
  opened.push(() => before.stop());
  after = await startTestServers();
  opened.push(() => after.stop());
});
afterAll(async () => {
  for (const close of opened.toReversed()) await close();
});

const rows = `${JSON.stringify({
  messages: [
    { role: 'user', content: 'How?' },
    { role: 'assistant', content: 'So.' },
  ],
})}\n`;
const stored = z.looseObject({ id: z.string() });
const accepted = z.looseObject({ run: stored });

async function serve(servers: TestServers): Promise<RunningService> {
  const service = await startService(gatewayService, { ...servers.environment('gateway'), LOG_LEVEL: 'silent' });
  opened.push(() => service.stop());
  return service;
}

async function ask(
  servers: TestServers,
  service: RunningService,
  path: string,
  request: RequestInit = {},
): Promise<Response> {
  const authorization = `Bearer ${servers.environment('gateway').API_KEY ?? ''}`;
  const answer = await fetch(`${service.url}${path}`, {
    ...request,
    headers: { ...(request.headers as Record<string, string> | undefined), authorization },
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer;
}

async function postgres(program: 'pg_dump' | 'pg_restore', ...args: string[]): Promise<void> {
  const { pgBin } = await installServers();
  const { status, stderr } = spawnSync(join(pgBin, program), args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program}: ${stderr}`);
}

function clientOf({ servers }: TestServers): Client {
  const { hostname, port } = new URL(servers.s3.endpoint);
  const { accessKey, secretKey, region } = servers.s3;
  return new Client({ endPoint: hostname, port: Number(port), useSSL: false, accessKey, secretKey, region });
}

/** @returns how many objects were copied */
async function copyObjects(from: TestServers, to: TestServers): Promise<number> {
  const [source, target] = [clientOf(from), clientOf(to)];
  const { bucket } = from.servers.s3;
  if (!(await target.bucketExists(to.servers.s3.bucket))) await target.makeBucket(to.servers.s3.bucket);
  let copied = 0;
  for await (const item of source.listObjectsV2(bucket, '', true)) {
    const { name } = z.looseObject({ name: z.string() }).parse(item);
    await target.putObject(to.servers.s3.bucket, name, await buffer(await source.getObject(bucket, name)));
    copied += 1;
  }
  return copied;
}

it('a dump of the database and a copy of the objects are enough: an empty broker is told again what was said', async () => {
  const first = await serve(before);
  const form = new FormData();
  form.append('purpose', 'fine-tune');
  form.append('file', new Blob([rows.repeat(20)]), 'rows.jsonl');
  const file = stored.parse(await (await ask(before, first, '/v1/files', { method: 'POST', body: form })).json());
  const { run } = accepted.parse(
    await (
      await ask(before, first, '/api/runs', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ...sampleRequest, name: 'kept' }),
      })
    ).json(),
  );
  // Published, so that only the relay's memory of it can bring it back.
  await until(() =>
    ask(before, first, '/metrics').then(async (answer) =>
      /anneal_outbox_pending 0|anneal_outbox_pending\{[^}]*\} 0/.test(await answer.text()),
    ),
  );

  const dump = join(before.folder, 'anneal.dump');
  await postgres('pg_dump', '--format=custom', `--file=${dump}`, before.servers.postgres.url);
  await first.stop();

  // The roles are there: the migration step has made them, with passwords of their own.
  expect(await copyObjects(before, after)).toBeGreaterThan(0);
  await postgres(
    'pg_restore',
    '--clean',
    '--if-exists',
    '--exit-on-error',
    `--dbname=${after.servers.postgres.url}`,
    dump,
  );

  const broker = await connectNats({ url: after.servers.nats.url, name: 'test' });
  opened.push(() => broker.close());
  const heard: string[] = [];
  await followEvents(broker, {}, (decoded) => {
    if (decoded.ok && decoded.event.type === TrainRequested.type)
      heard.push(readTrainRequest(decoded.event.data, decoded.event.id).runId);
  });
  const second = await serve(after);
  const restored = await (await ask(after, second, `/api/runs/${run.id}`)).json();
  expect(restored).toMatchObject({ run: { id: run.id, state: 'running' } });
  expect(await (await ask(after, second, `/v1/files/${file.id}/content`)).text()).toBe(rows.repeat(20));
  await until(() => Promise.resolve(heard.includes(run.id)));
  expect(heard).toEqual([run.id]);
}, 90_000);

async function until(check: () => Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + 20_000;
  while (!(await check())) {
    if (Date.now() > giveUpAt) throw new Error('it did not come true within 20 s');
    await pause(200);
  }
}
