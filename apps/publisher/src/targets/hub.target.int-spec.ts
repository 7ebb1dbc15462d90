import { randomBytes, randomUUID } from 'node:crypto';
import { ArtifactCache, connectStore, type ArtifactStore } from '@anneal/artifacts';
import { Failure, type ArtifactRef, type RunSpecInput } from '@anneal/contracts';
import { createDataSource, openDatabase } from '@anneal/jobs';
import { startHub, startTestServers, type SmallHub, type TestServers } from '@anneal/testing';
import type { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { evaluated } from '../__fixtures__/evaluated.js';
import { CreatePublication1767225600000 } from '../migrations/1767225600000-CreatePublication.js';
import type { PublisherConfig } from '../publisher.config.js';
import { toPublisherFailure } from '../publisher.failure.js';
import { HubTarget } from './hub.target.js';
import type { Publication } from './target.js';

const MiB = 1024 * 1024;
const weights = randomBytes(11 * MiB);
const files: Record<string, Buffer> = {
  'model.safetensors': weights,
  'small.safetensors': randomBytes(1000),
  'config.json': Buffer.from('{"model_type":"llama"}\n'),
  'tokenizer/vocab.json': Buffer.from('{"ü":1}'),
};
const name = 'acme/home-control';

let servers: TestServers;
let store: ArtifactStore;
let dataSource: DataSource;
let artifact: ArtifactRef;
let hub: SmallHub;

beforeAll(async () => {
  servers = await startTestServers();
  const environment = servers.environment('publisher');
  store = connectStore(servers.servers.s3);
  await store.ensureReady();
  dataSource = createDataSource({
    url: environment.POSTGRES_URL ?? '',
    schema: 'publisher',
    migrations: [CreatePublication1767225600000],
  });
  await openDatabase(dataSource);
  const list = { ...files, 'README.md': Buffer.from('written by the engine on /home/somebody') };
  artifact = await store.putFiles(
    'model',
    Object.entries(list).map(([path, source]) => ({ path, source })),
  );
}, 120_000);
afterAll(async () => {
  await dataSource?.destroy();
  await servers?.stop();
});
beforeEach(async () => {
  hub = await startHub({
    multipartAbove: 2 * MiB,
    pageSize: 2,
    tokens: {
      hf_writer: { user: 'acme', role: 'write' },
      hf_reader: { user: 'acme', role: 'read' },
      hf_old: { user: 'acme', role: 'write', expired: true },
    },
  });
  vi.stubEnv('HF_TOKEN', 'hf_writer');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await hub.stop();
});

/** One attempt; the failure that it ends with is what the worker would see. */
async function publish(
  runId: string,
  spec: RunSpecInput['publish'] = {},
  change: Partial<PublisherConfig> = {},
): Promise<Publication> {
  const evaluatedRun = evaluated({ to: `hub:${name}`, ...spec });
  const input = { ...evaluatedRun, runId, merge: { ...evaluatedRun.merge, artifact } };
  const cache = new ArtifactCache(store, `${servers.folder}/cache`, Infinity);
  const target = new HubTarget({ HF_ENDPOINT: hub.url, ...change } as PublisherConfig, store, cache, dataSource);
  try {
    return await target.publish({
      runId,
      input,
      to: `hub:${name}`,
      card: '# the card\n',
      signal: new AbortController().signal,
      commit: (change) => dataSource.transaction(change),
    });
  } catch (error) {
    throw toPublisherFailure(error);
  }
}

const titles = (): string[] => hub.repository(name).commits.map(({ title }) => title);
const runId = (): string => `run-${randomUUID().slice(0, 8)}`;

describe('the Hub as a target', () => {
  it('gets the evaluated files, byte for byte, and the card in one commit', async () => {
    const id = runId();
    const { to, revision } = await publish(id);
    const repository = hub.repository(name);
    expect({ to, revision }).toEqual({ to: `hub:${name}`, revision: repository.head.oid });
    expect(titles()).toEqual([`Anneal run ${id}`, 'initial commit']);
    for (const [path, bytes] of Object.entries(files)) {
      expect(repository.file(path, revision)?.equals(bytes), path).toBe(true);
    }
    expect(repository.file('README.md', revision)?.toString()).toBe('# the card\n');
    const parts = hub.requests.filter(({ method, path }) => method === 'PUT' && /\/lfs\/[0-9a-f]+\/\d+$/.test(path));
    expect(parts).toHaveLength(3);
  });

  it('is not asked by an offline publisher', async () => {
    await expect(publish(runId(), {}, { OFFLINE: true })).rejects.toMatchObject({ code: 'SOURCE_OFFLINE' });
    expect(hub.requests).toEqual([]);
  });

  it.each([
    [true, 'private'],
    [false, 'public'],
  ])('is made as wanted: private is %s', async (isPrivate) => {
    await publish(runId(), { private: isPrivate });
    expect(hub.repository(name).private).toBe(isPrivate);
  });

  it('that is there is used, also by a token that may not create repositories', async () => {
    hub.create(name, { private: true }).commit('mine', { put: { 'notes.md': 'keep me' } });
    hub.faults.add('create', { kind: 'status', status: 403 });
    const { revision } = await publish(runId());
    expect(hub.repository(name).file('notes.md', revision)?.toString()).toBe('keep me');
  });

  it('loses what an earlier version would mix into this one', async () => {
    const old = { 'model-00001-of-00002.safetensors': 'old', 'adapter_config.json': '{}', LICENSE: 'mine' };
    hub.create(name, { private: true }).commit('earlier version', { put: old });
    await publish(runId());
    const { head } = hub.repository(name);
    expect([...head.files.keys()].toSorted()).toEqual(
      ['.gitattributes', 'LICENSE', 'README.md', ...Object.keys(files)].toSorted(),
    );
  });

  it('that is public does not get a model that should be private', async () => {
    hub.create(name);
    await expect(publish(runId())).rejects.toMatchObject({ code: 'PUBLISH_REFUSED', field: 'publish.private' });
    expect(titles()).toEqual(['initial commit']);
  });

  it('is never called while a transaction is open', async () => {
    let open: unknown;
    const act = async (): Promise<void> => {
      open = await dataSource.query(
        `SELECT count(*)::int AS open FROM pg_stat_activity WHERE usename = 'publisher' AND state LIKE 'idle in tr%'`,
      );
    };
    hub.faults.add('commit', { kind: 'meanwhile', act });
    await publish(runId());
    expect(open).toEqual([{ open: 0 }]);
  });
});

describe('exactly once', () => {
  it('finds the commit whose answer was lost', async () => {
    const id = runId();
    hub.faults.add('commit', { kind: 'drop-answer' });
    await expect(publish(id)).rejects.toMatchObject({ code: 'HUB_UNAVAILABLE', retryable: true });
    // Somebody else goes on from there, which must not hide it.
    const own = hub.repository(name).head.oid;
    for (const number of [1, 2, 3])
      hub.repository(name).commit(`later ${number}`, { put: { 'notes.md': `${number}` } });
    expect(await publish(id)).toEqual({ to: `hub:${name}`, revision: own });
    expect(titles().filter((title) => title.startsWith('Anneal'))).toHaveLength(1);
    expect(hub.requests.filter(({ call }) => call === 'commit')).toHaveLength(1);
  });

  it('gives way to a commit of somebody else, then goes on top of it', async () => {
    const id = runId();
    const act = (): void => void hub.repository(name).commit('theirs', { put: { 'notes.md': 'theirs' } });
    hub.faults.add('commit', { kind: 'meanwhile', act });
    await expect(publish(id)).rejects.toMatchObject({ code: 'PUBLISH_CONFLICT', retryable: true });
    const uploads = hub.requests.filter(({ call }) => call === 'lfs-upload').length;
    const { revision } = await publish(id);
    expect(titles()).toEqual([`Anneal run ${id}`, 'theirs', 'initial commit']);
    expect(hub.repository(name).file('notes.md', revision)?.toString()).toBe('theirs');
    expect(hub.requests.filter(({ call }) => call === 'lfs-upload')).toHaveLength(uploads);
  });

  it('holds for two attempts at the same time', async () => {
    const id = runId();
    hub.create(name, { private: true });
    let second: Promise<Publication> | undefined;
    hub.faults.add('commit', { kind: 'meanwhile', act: async () => void (await (second = publish(id))) });
    await expect(publish(id)).rejects.toMatchObject({ code: 'PUBLISH_CONFLICT' });
    expect(await publish(id)).toEqual(await second);
    expect(titles()).toEqual([`Anneal run ${id}`, 'initial commit']);
  });

  it('does not take the commit of an earlier run with the same id for its own', async () => {
    const id = runId();
    hub.create(name, { private: true }).commit(`Anneal run ${id}`, { put: { 'config.json': '{}' } });
    const { revision } = await publish(id);
    expect(
      hub
        .repository(name)
        .file('config.json', revision)
        ?.equals(files['config.json'] ?? Buffer.alloc(0)),
    ).toBe(true);
    expect(titles()).toHaveLength(3);
  });

  it('refuses to call published what differs from what was evaluated', async () => {
    const id = runId();
    hub.faults.add('commit', { kind: 'drop-answer' });
    await expect(publish(id)).rejects.toMatchObject({ code: 'HUB_UNAVAILABLE' });
    const { files: there } = hub.repository(name).head;
    const damaged = { bytes: Buffer.from('{"model_type":"llamb"}\n'), lfs: false };
    (there as Map<string, typeof damaged>).set('config.json', damaged);
    await expect(publish(id)).rejects.toMatchObject({ code: 'PUBLISH_CONFLICT', retryable: false });
  });
});

describe('the token', () => {
  it('is asked for before anything else', async () => {
    vi.stubEnv('HF_TOKEN', '');
    await expect(publish(runId())).rejects.toMatchObject({ code: 'SECRET_MISSING', field: 'publish.tokenRef' });
    vi.stubEnv('HF_TOKEN', 'some password');
    await expect(publish(runId())).rejects.toMatchObject({ code: 'SECRET_MISSING' });
    expect(hub.requests).toEqual([]);
  });

  it('comes from the variable that the RunSpec names', async () => {
    vi.stubEnv('HF_TOKEN', 'hf_old');
    vi.stubEnv('HF_TOKEN_TEAM', 'hf_writer');
    await publish(runId(), { tokenRef: 'env:HF_TOKEN_TEAM' });
    expect(new Set(hub.requests.map(({ authorization }) => authorization))).toEqual(
      new Set(['Bearer hf_writer', undefined]),
    );
  });

  it.each(['POSTGRES_URL', 'S3_SECRET_KEY', 'HF_TOKENS', 'MY_HF_TOKEN'])('%s is never sent', async (variable) => {
    vi.stubEnv(variable, 'hf_secret');
    const failure = await publish(runId(), { tokenRef: `env:${variable}` }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'SECRET_MISSING', retryable: false });
    expect(hub.requests).toEqual([]);
  });

  it.each(['hf_old', 'hf_reader', 'hf_unknown'])('%s, which may not write, is refused', async (value) => {
    vi.stubEnv('HF_TOKEN', value);
    hub.create(name, { private: true });
    await expect(publish(runId())).rejects.toMatchObject({ code: 'PUBLISH_REFUSED', retryable: false });
  });
});

describe('a Hub that does not answer well', () => {
  it.each([
    ['info', 500],
    ['commits', 503],
    ['lfs-batch', 502],
    ['lfs-upload', 403],
    ['commit', 429],
    ['tree', 504],
  ] as const)('is tried again: %s answers %i', async (call, status) => {
    const id = runId();
    hub.faults.add(call, { kind: 'status', status, retryAfter: 1 });
    const failure = await publish(id).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'HUB_UNAVAILABLE', retryable: true });
    // Addresses of uploads carry keys; nothing of them may reach a log.
    if (failure instanceof Failure) expect(`${failure.message} ${String(failure.cause)}`).not.toContain('http');
    await publish(id);
    expect(titles()).toEqual([`Anneal run ${id}`, 'initial commit']);
  });

  it.each(['info', 'create', 'preupload', 'lfs-upload'] as const)('is tried again: %s breaks off', async (call) => {
    hub.faults.add(call, { kind: 'drop-request' });
    await expect(publish(runId())).rejects.toMatchObject({ code: 'HUB_UNAVAILABLE' });
  });

  it('is tried again when it is not there', async () => {
    await hub.stop();
    await expect(publish(runId())).rejects.toMatchObject({ code: 'HUB_UNAVAILABLE', retryable: true });
  });

  it('that refuses the files says so in its own words', async () => {
    hub.faults.add('commit', { kind: 'status', status: 400 });
    await expect(publish(runId())).rejects.toMatchObject({
      code: 'PUBLISH_REFUSED',
      message: expect.stringContaining('The fault of a test: 400') as string,
    });
  });
});
