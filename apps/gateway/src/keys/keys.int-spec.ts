import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sampleRequest, until } from '@anneal/testing';
import { TestGateway } from '../gateway.fixture.js';
import { declaredRoutes, type DeclaredRoute } from '../http/declared-routes.fixture.js';
import { ArtifactsController } from '../http/artifacts.controller.js';
import { RunsController } from '../http/runs.controller.js';
import { openaiControllers } from '../openai/openai.surface.js';
import { KeysController } from './keys.controller.js';

interface Key {
  text: string;
  key: { id: string };
}

let gateway: TestGateway;
let owner: string;
let stranger: string;
const made = { run: 'of-the-owner', file: '', upload: '', job: '', endpoint: '' };

beforeAll(async () => {
  gateway = await TestGateway.start();
  owner = (await create({ name: 'owner', project: 'one' })).text;
  stranger = (await create({ name: 'stranger', project: 'two' })).text;
  const as = async (path: string, body: object): Promise<string> => {
    const answer = await call('POST', path, owner, body);
    expect(answer.ok, path).toBe(true);
    return ((await answer.json()) as { id: string }).id;
  };
  await as('/api/runs', { ...sampleRequest, id: made.run });
  const form = new FormData();
  form.set('purpose', 'fine-tune');
  form.set('file', new Blob([rows]), 'rows.jsonl');
  const sent = await gateway.call('/v1/files', { method: 'POST', body: form, key: owner });
  made.file = ((await sent.json()) as { id: string }).id;
  await until('the check of the file', async () => {
    const file = (await (await call('GET', `/v1/files/${made.file}`, owner)).json()) as { status: string };
    return file.status === 'processed' || undefined;
  });
  made.job = await as('/v1/fine_tuning/jobs', { model: 'tiny', training_file: made.file });
  made.upload = await as('/v1/uploads', { bytes: 1, filename: 'a', mime_type: 'a', purpose: 'fine-tune' });
  made.endpoint = await as('/v1/webhook_endpoints', {
    name: 'mine',
    url: 'http://127.0.0.1:9/',
    event_types: ['fine_tuning.job.failed'],
  });
}, 120_000);
afterAll(async () => {
  await gateway?.stop();
});

const rows = Array.from({ length: 10 }, (_, n) =>
  JSON.stringify({
    messages: [
      { role: 'user', content: `question ${n}` },
      { role: 'assistant', content: `answer ${n}` },
    ],
  }),
).join('\n');

async function create(wish: object): Promise<Key> {
  return (await (await gateway.post('/api/keys', wish)).json()) as Key;
}

function call(method: string, path: string, key: string, body?: object): Promise<Response> {
  const headers: Record<string, string> = body ? { 'content-type': 'application/json' } : {};
  return gateway.call(path, { method, key, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
}

/** Every route below /api and /v1 that needs a key. */
function routes(): DeclaredRoute[] {
  return declaredRoutes([RunsController, ArtifactsController, KeysController, ...openaiControllers]);
}

/** The path with an id of the owner's in it; nothing when it has no place for one. */
function withId({ path }: DeclaredRoute): string | undefined {
  if (!path.includes(':')) return undefined;
  const id = path.startsWith('/api/runs')
    ? made.run
    : path.startsWith('/v1/files')
      ? made.file
      : path.startsWith('/v1/uploads')
        ? made.upload
        : path.startsWith('/v1/fine_tuning')
          ? made.job
          : path.startsWith('/v1/webhook')
            ? made.endpoint
            : 'ft:tiny:one::x';
  return path.replace(/:(id|model)/, encodeURIComponent(id));
}

const mostlyRight = { part_ids: ['part_x'], event_type: 'fine_tuning.job.failed' };

describe('every route', () => {
  it('is known to this test', () => {
    expect(routes().length).toBeGreaterThan(30);
    expect(routes()).toContainEqual({ method: 'POST', path: '/v1/fine_tuning/jobs' });
  });

  it('refuses a request without a key, with a wrong one, a revoked one and an expired one', async () => {
    const revoked = await create({ name: 'revoked' });
    await call('DELETE', `/api/keys/${revoked.key.id}`, gateway.apiKey);
    const expired = await create({ name: 'expired', expiresInDays: 1e-9 });
    const forged = owner.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
    for (const route of routes()) {
      for (const key of ['', 'wrong', forged, revoked.text, expired.text]) {
        const { status } = await call(route.method, withId(route) ?? route.path, key);
        expect(status, `${route.method} ${route.path} with ${key}`).toBe(401);
      }
    }
  });

  it('says for which project a run is, so that its stages know', async () => {
    const [requested] = await until('the request', () => {
      const heard = gateway.heardOf(made.run);
      return heard.length > 0 ? heard : undefined;
    });
    expect(requested?.event).toMatchObject({ type: 'anneal.train.requested.v1', project: 'one' });
    const answer = await call('GET', `/api/runs/${made.run}`, owner);
    expect(await answer.json()).toMatchObject({ run: { project: 'one' } });
  });

  it('takes the project of a request at the broker from its subject, for which rights are given', async () => {
    const request = JSON.stringify({ ...sampleRequest, id: 'at-the-broker' });
    const { text: third } = await create({ name: 'third', project: 'three' });
    gateway.broker.publish('anneal.train.requested.three', request);
    await until('the run', async () => (await call('GET', '/api/runs/at-the-broker', third)).ok || undefined);
    expect((await call('GET', '/api/runs/at-the-broker', owner)).status).toBe(404);
  });

  it('hides what belongs to another project', async () => {
    for (const route of routes().filter(({ path }) => !path.startsWith('/api/keys'))) {
      const path = withId(route);
      if (path === undefined) continue;
      const body = route.method === 'POST' && !path.endsWith('/parts') ? mostlyBody(path) : undefined;
      const answer = path.endsWith('/parts') ? await sendPart(path) : await call(route.method, path, stranger, body);
      expect(answer.status, `${route.method} ${path}`).toBe(404);
      expect(await answer.text(), path).not.toContain('question');
    }
  });

  it('compares no run of another project, and tells of none of its artifacts', async () => {
    const paths = [
      'compare?a=of-the-owner&b=of-the-owner',
      ...['', '/x', '/x/files/y'].map((at) => `${made.run}/artifacts${at}`),
    ];
    for (const path of paths) {
      const answer = await call('GET', `/api/runs/${path}`, stranger);
      expect(await answer.json(), path).toMatchObject({ error: { code: 'RUN_NOT_FOUND' } });
    }
    expect((await call('GET', `/api/runs/${paths[0]}`, owner)).status).toBe(200);
  });

  it('lists nothing of another project', async () => {
    for (const path of ['/api/runs', '/v1/files', '/v1/fine_tuning/jobs', '/v1/webhook_endpoints']) {
      const [mine, theirs] = await Promise.all([call('GET', path, owner), call('GET', path, stranger)]);
      const size = async (answer: Response): Promise<number> =>
        Object.values((await answer.json()) as Record<string, unknown>).find((value) => Array.isArray(value))?.length ??
        0;
      expect(
        [await size(mine), await size(theirs)].map((length) => length > 0),
        path,
      ).toEqual([true, false]);
    }
  });

  it('that changes something is closed to a key that may only read, and keys to all but administrators', async () => {
    const reader = (await create({ name: 'reader', project: 'one', scope: 'read' })).text;
    for (const route of routes()) {
      const path = withId(route) ?? route.path;
      if (path === '/api/runs/watch') continue;
      const { status } = await call(route.method, path, reader);
      if (route.method !== 'GET' || path.startsWith('/api/keys')) expect(status, `${route.method} ${path}`).toBe(403);
      else expect(status, `${route.method} ${path}`).not.toBe(403);
      if (path.startsWith('/api/keys')) expect((await call(route.method, path, owner)).status).toBe(403);
    }
  }, 60_000);
});

function mostlyBody(path: string): object {
  if (path.endsWith('/complete')) return { part_ids: mostlyRight.part_ids };
  if (path.endsWith('/test')) return { event_type: mostlyRight.event_type };
  return {};
}

function sendPart(path: string): Promise<Response> {
  const form = new FormData();
  form.set('data', new Blob(['x']));
  return gateway.call(path, { method: 'POST', body: form, key: stranger });
}

describe('a key', () => {
  it('is shown once, and kept as a digest only', async () => {
    const { text, key } = await create({ name: 'mine' });
    expect(text).toMatch(/^ann_[a-z0-9]{12}_[A-Za-z0-9_-]{43}$/);
    const list = await (await gateway.call('/api/keys')).text();
    expect(list).toContain(key.id);
    expect(list).not.toContain(text.replace(/^ann_[a-z0-9]{12}_/, ''));
  });

  it('may have limits of its own: requests in a second, bytes of a body and of a file', async () => {
    const { text, key } = await create({ name: 'small', largestBodyBytes: 2000, largestFileBytes: 100 });
    expect(key).toMatchObject({ largestBodyBytes: 2000, largestFileBytes: 100 });
    const large = { ...sampleRequest, id: 'large', name: 'x'.repeat(3000) };
    expect((await call('POST', '/api/runs/validate', text, large)).status).toBe(413);
    expect((await call('POST', '/api/runs/validate', owner, large)).status).toBe(400);
    const chunked = await gateway.call('/api/runs/validate', {
      ...{ method: 'POST', key: text, duplex: 'half' },
      headers: { 'content-type': 'application/json' },
      body: new Blob([JSON.stringify(large)]).stream(),
    });
    expect(chunked.status).toBe(413);
    expect((await call('POST', '/api/runs/validate', text, sampleRequest)).status).toBe(200);
    const form = new FormData();
    form.set('purpose', 'fine-tune');
    form.set('file', new Blob([rows]), 'rows.jsonl');
    expect((await gateway.call('/v1/files', { method: 'POST', body: form, key: text })).status).toBe(413);
    const upload = { bytes: 101, filename: 'a', mime_type: 'a', purpose: 'fine-tune' };
    expect((await call('POST', '/v1/uploads', text, upload)).status).toBe(413);
    const slow = (await create({ name: 'slow', requestsPerSecond: 1 })).text;
    const answers = await Promise.all([1, 2, 3].map(() => call('GET', '/api/runs', slow)));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 429, 429]);
  });

  it('of a kind that nobody knows is refused by name', async () => {
    const answer = await gateway.post('/api/keys', { name: 'x', scope: 'root' });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { field: 'scope' } });
  });
});
