import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createLogger, startService } from '@anneal/service';
import { createDataSource, openDatabase } from '@anneal/jobs';
import { publishTrainRequest } from '@anneal/messaging';
import { sampleRequest, secretsIn, until } from '@anneal/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestGateway } from './gateway.fixture.js';
import { ArtifactsController } from './http/artifacts.controller.js';
import { declaredRoutes } from './http/declared-routes.fixture.js';
import { RunsController } from './http/runs.controller.js';
import { KeysController } from './keys/keys.controller.js';
import { openaiControllers } from './openai/openai.surface.js';
import { gatewayService } from './service.js';

const lines: string[] = [];
const logger = createLogger('gateway', 'debug', { write: (line) => void lines.push(line) });
/** What a caller may send by mistake, where it does not belong. */
const strayed = 'hf_CanaryThatNobodyMayEverReadInALog';
let gateway: TestGateway;
beforeAll(async () => {
  gateway = await TestGateway.start({ logger });
}, 120_000);
afterAll(() => gateway?.stop());

async function made<Answer>(path: string, body: object): Promise<Answer> {
  const answer = await gateway.post(path, body);
  expect(answer.ok, path).toBe(true);
  return (await answer.json()) as Answer;
}

const passwordOf = (url: string | undefined): string => decodeURIComponent(new URL(url ?? '').password);
const withPassword = (url = ''): string => url.replace(/:[^:@]+@/, `:${strayed}@`);
// A secret may have any sign of base64url in it, the one between it and what is before it too.
const secretOf = (text: string): string => text.replace(/^(whsec|ann_[a-z0-9]{12})_/, '');

it('no secret reaches the log, whatever goes wrong', async () => {
  const environment = gateway.environmentWith();
  const { text } = await made<{ text: string }>('/api/keys', { name: 'canary' });
  const target = createServer((_request, answer) => answer.writeHead(500).end()).listen(0, '127.0.0.1');
  await until('the target', () => target.listening);
  const url = `http://user:${strayed}@127.0.0.1:${(target.address() as AddressInfo).port}/`;
  const wish = { name: 'mine', url: url.replace(/user:.*@/, ''), event_types: ['fine_tuning.job.failed'] };
  const endpoint = await made<{ id: string; signing_secret: string }>('/v1/webhook_endpoints', wish);
  const at = `/v1/webhook_endpoints/${endpoint.id}`;
  const rotated = await made<{ signing_secret: string }>(`${at}/rotate_secret`, {});
  await gateway.post(`${at}/test`, { event_type: 'fine_tuning.job.failed' });
  await gateway.post('/v1/webhook_endpoints', { ...wish, url });

  for (const { method, path } of declaredRoutes([
    RunsController,
    ArtifactsController,
    KeysController,
    ...openaiControllers,
  ])) {
    if (path.endsWith('/watch')) continue;
    const place = `${path.replace(/:\w+/g, 'nobody')}?api_key=${strayed}&limit=${strayed}`;
    const body = method === 'POST' ? { body: `{"token": "${strayed}", "model": ` } : {};
    for (const key of [gateway.apiKey, text, strayed, `${text.slice(0, -1)}x`]) {
      const headers = { 'content-type': 'application/json', cookie: `session=${strayed}`, 'x-api-key': strayed };
      await gateway.call(place, { method, key, headers, ...body });
    }
  }
  // A token in the place of its name, and a RunSpec that is told of in an event and refused.
  const publish = { tokenRef: strayed };
  await gateway.post('/api/runs', { ...sampleRequest, publish });
  await publishTrainRequest(gateway.broker, { ...sampleRequest, publish }, { id: 'refused' });
  await gateway.runWhen('refused', ({ state }) => state === 'rejected');
  target.close();

  const wrong = {
    NATS_URL: withPassword(environment['NATS_URL']),
    S3_SECRET_KEY: strayed,
    API_KEY: 'tooShortCanary',
  };
  for (const [name, value] of Object.entries(wrong)) {
    const failed = await startService(gatewayService, { ...environment, [name]: value }, { logger }).catch(
      (error: unknown) => error,
    );
    expect(failed, name).toBeInstanceOf(Error);
    logger.error({ err: failed }, 'a service that cannot start is told of like this');
  }

  // Opened by itself: a service that starts waits for half a minute, since its role may not be there yet.
  const database = createDataSource({
    url: withPassword(environment['POSTGRES_URL']),
    schema: 'gateway',
    migrations: [],
  });
  logger.error({ err: await openDatabase(database, { waitMs: 0 }).catch((error: unknown) => error) }, 'no database');

  const secrets = {
    'first key': gateway.apiKey,
    'made key': secretOf(text),
    'signing secret': secretOf(endpoint.signing_secret),
    'rotated secret': secretOf(rotated.signing_secret),
    'password of the database': passwordOf(environment['POSTGRES_URL']),
    'password of the broker': passwordOf(environment['NATS_URL']),
    'key of the store': environment['S3_SECRET_KEY'] ?? '',
    'what strayed': strayed,
    'short key': 'tooShortCanary',
  };
  expect(lines.filter((line) => line.includes('"audit":true')).length).toBeGreaterThan(10);
  expect(lines.flatMap((line) => secretsIn(line, secrets).map((name) => `${name}: ${line}`))).toEqual([]);
}, 120_000);
