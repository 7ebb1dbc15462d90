// Real here: SeaweedFS, which holds each service to the policy that every deployment gives it.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serviceNames, type ArtifactRef, type ServiceName } from '@anneal/contracts';
import { installServers, startServers, type EmbeddedServers } from '@anneal/embedded';
import type { Client } from 'minio';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ArtifactStore } from './artifact-store.js';
import { connect } from './connection.js';
import { connectBuckets, connectStore, storePolicyOf } from './index.js';
import { contentKey, manifestKey, sha256Hex } from './manifest.js';

const MiB = 1024 * 1024;
const refused = { code: 'AccessDenied' };
const refusedFailure = { code: 'STORE_UNAVAILABLE', message: expect.stringContaining('AccessDenied') as string };
const publishedAt = '2026-01-01T00:00:00.000Z';

let home: string;
let servers: EmbeddedServers;
let admin: Client;
let stored: ArtifactRef;

const optionsOf = (service: ServiceName) => ({ ...servers.s3.loginOf(service), bucket: servers.s3.bucket });
const as = (service: ServiceName): ArtifactStore => connectStore(optionsOf(service), { partBytes: 5 * MiB });
const clientOf = (service: ServiceName): Client => connect(optionsOf(service)).client;
const others = (...names: ServiceName[]): ServiceName[] => serviceNames.filter((name) => !names.includes(name));
const withPods = ['trainer', 'merger', 'evaluator'] as const;
const entry = (name: string) => ({ name, tag: 'latest', artifact: stored, runId: 'run', publishedAt, details: {} });

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'anneal-servers-'));
  const buckets = { own: 'anneal', data: ['data'] };
  servers = await startServers({
    dataDir: home,
    binaries: await installServers(),
    natsUsers: [],
    throwaway: true,
    s3Users: serviceNames.map((name) => ({ name, policy: storePolicyOf(name, buckets) })),
  });
  admin = connect(servers.s3).client;
  for (const bucket of ['data', 'secrets']) {
    await admin.makeBucket(bucket);
    await admin.putObject(bucket, 'set.jsonl', 'rows');
  }
  const store = connectStore(servers.s3);
  stored = await store.putFiles('model', [{ path: 'm', source: Buffer.from('model') }]);
  await store.setTag(entry('published'));
});
afterAll(async () => {
  await servers.stop();
  await rm(home, { recursive: true, force: true });
});

describe.each(serviceNames)('the user %s of the store', (service) => {
  it('keeps artifacts in it, small and in parts, and reads what others keep', async () => {
    const store = as(service);
    await store.ensureReady();
    await store.probe();
    expect(store.conditionalWrites).toBe(true);
    const bytes = randomBytes(6 * MiB);
    const sources = [
      { path: 'large', source: bytes },
      { path: 'small', source: Buffer.from(service) },
    ];
    const artifact = await store.putFiles('file', sources);
    expect(await store.putFiles('file', sources)).toEqual(artifact);
    expect(await store.getFile(artifact, 'large')).toEqual(bytes);
    expect(String(await store.getFile(stored, 'm'))).toBe('model');
    const { url } = await store.linkTo(artifact, 'small', 60);
    expect(await (await fetch(url)).text()).toBe(service);
  });

  it('is told of a missing object that it is missing, not that it is forbidden', async () => {
    const file = { path: 'x', size: 1, sha256: sha256Hex(randomBytes(8)) };
    expect(await as(service).holds(file)).toBe(false);
    await expect(as(service).readManifest(file.sha256)).rejects.toMatchObject({ code: 'ARTIFACT_MISSING' });
  });

  it('takes away nothing that it has no business with, and knows nothing beyond the bucket', async () => {
    const client = clientOf(service);
    const { bucket } = servers.s3;
    const digest = sha256Hex(Buffer.from('model'));
    const artifact = service === 'trainer' ? [] : [contentKey(digest), manifestKey(stored.digest)];
    for (const key of [...artifact, 'registry/published/latest.json'])
      await expect(client.removeObject(bucket, key)).rejects.toMatchObject(refused);
    await expect(client.putObject(bucket, 'elsewhere', 'x')).rejects.toMatchObject(refused);
    await expect(client.makeBucket('own')).rejects.toMatchObject(refused);
    await expect(client.removeBucket(bucket)).rejects.toMatchObject(refused);
    await expect(client.setBucketPolicy(bucket, '{}')).rejects.toMatchObject(refused);
    const secrets = connectBuckets(optionsOf(service), ['secrets']);
    await expect(secrets.list('secrets', '')).rejects.toMatchObject(refusedFailure);
    await expect(client.getObject('secrets', 'set.jsonl')).rejects.toMatchObject(refused);
    expect(String(await as('gateway').getFile(stored, 'm'))).toBe('model');
  });
});

describe('the registry', () => {
  it.each(serviceNames)('is read by the %s', async (service) => {
    expect(await as(service).resolveTag('published')).toMatchObject({ runId: 'run' });
    await expect(as(service).resolveTag('nobody')).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
  });

  it('is written by the publisher', async () => {
    await as('publisher').setTag(entry('new'));
    await as('publisher').setTag({ ...entry('new'), runId: 'another' });
    expect(await as('trainer').resolveTag('new')).toMatchObject({ runId: 'another' });
  });

  it.each(others('publisher'))('is not written by the %s', async (service) => {
    await expect(as(service).setTag(entry(`of-${service}`))).rejects.toMatchObject(refusedFailure);
    await expect(as('publisher').resolveTag(`of-${service}`)).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
  });
});

describe('a checkpoint', () => {
  it('is removed by the trainer', async () => {
    const trainer = as('trainer');
    const checkpoint = await trainer.putFiles('checkpoint', [{ path: 'c', source: randomBytes(100) }]);
    expect(await trainer.remove([checkpoint.digest], AbortSignal.timeout(30_000))).toEqual({ files: 1, bytes: 100 });
    await expect(trainer.readManifest(checkpoint)).rejects.toMatchObject({ code: 'ARTIFACT_MISSING' });
  });

  it.each(others('trainer'))('is not removed by the %s', async (service) => {
    const checkpoint = await as('trainer').putFiles('checkpoint', [{ path: 'c', source: Buffer.from(service) }]);
    await expect(as(service).remove([checkpoint.digest], AbortSignal.timeout(30_000))).rejects.toMatchObject(
      refusedFailure,
    );
    expect(String(await as('trainer').getFile(checkpoint, 'c'))).toBe(service);
  });
});

describe('work in a pod', () => {
  it.each(withPods)('is told by the %s, and brings its files by what that lends', async (service) => {
    const store = as(service);
    await store.writeNote('orders', { stop: true });
    expect(await store.listNotes()).toEqual(['orders']);
    const link = await store.linkToNote('orders', 60);
    expect(await (await fetch(link)).json()).toEqual({ stop: true });
    await store.removeNote('orders');
    expect((await fetch(link)).status).toBe(404);

    const bytes = randomBytes(100);
    const file = { path: 'weights', size: bytes.length, sha256: sha256Hex(bytes) };
    const loan = await store.lendUpload(file, 60);
    const answer = await fetch(loan?.urls[0] ?? '', { method: 'PUT', body: new Uint8Array(bytes) });
    await store.finishUpload(file, loan?.uploadId ?? '', [answer.headers.get('etag') ?? '']);
    expect(await store.holds(file)).toBe(true);
  });

  it.each(others(...withPods))('is not told anything by the %s', async (service) => {
    await expect(as(service).writeNote('orders', {})).rejects.toMatchObject(refusedFailure);
  });
});

describe('a bucket of data', () => {
  it('is read by the dataset service, and not written', async () => {
    const buckets = connectBuckets(optionsOf('dataset'), ['data']);
    expect((await buckets.list('data', '')).map(({ key }) => key)).toEqual(['set.jsonl']);
    expect(await buckets.find('data', 'set.jsonl')).toMatchObject({ size: 4 });
    expect(await buckets.find('data', 'other')).toBeUndefined();
    await expect(clientOf('dataset').putObject('data', 'mine', 'x')).rejects.toMatchObject(refused);
  });

  it.each(others('dataset'))('is not read by the %s', async (service) => {
    const buckets = connectBuckets(optionsOf(service), ['data']);
    await expect(buckets.list('data', '')).rejects.toMatchObject(refusedFailure);
    await expect(clientOf(service).getObject('data', 'set.jsonl')).rejects.toMatchObject(refused);
  });
});
