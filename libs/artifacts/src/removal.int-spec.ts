import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { ArtifactRef } from '@anneal/contracts';
import { installServers, startServers, type EmbeddedServers } from '@anneal/embedded';
import type { Client } from 'minio';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ArtifactStore } from './artifact-store.js';
import { connect } from './connection.js';
import { connectStore } from './index.js';
import { contentKey, manifestKey, sha256Hex } from './manifest.js';

const bucket = 'artifacts';
let home: string;
let servers: EmbeddedServers;
let store: ArtifactStore;
let client: Client;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'anneal-servers-'));
  servers = await startServers({ dataDir: home, binaries: await installServers(), natsUsers: [], throwaway: true });
  store = connectStore({ ...servers.s3, bucket });
  client = connect({ ...servers.s3, bucket }).client;
  await store.ensureReady();
});
afterAll(async () => {
  await servers.stop();
  await rm(home, { recursive: true, force: true });
});

const signal = new AbortController().signal;
const put = (...files: Buffer[]): Promise<ArtifactRef> =>
  store.putFiles(
    'checkpoint',
    files.map((source, index) => ({ path: `file-${index}`, source })),
  );
const fileOf = (bytes: Buffer) => ({ path: 'x', size: bytes.length, sha256: sha256Hex(bytes) });
const held = (bytes: Buffer): Promise<boolean> => store.holds(fileOf(bytes));
const announcement = (digest: string): string => `removals/${digest}.json`;

describe('an artifact that is removed', () => {
  it('goes with its own files, and leaves those that another one lists', async () => {
    const [own, more, shared] = [randomBytes(100), randomBytes(50), randomBytes(10)];
    const [old, older] = [await put(own, shared), await put(own, more)];
    const other = await put(shared);
    expect(await store.remove([old.digest, older.digest], signal)).toEqual({ files: 2, bytes: 150 });
    expect([await held(own), await held(more), await held(shared)]).toEqual([false, false, true]);
    await expect(store.readManifest(old)).rejects.toMatchObject({ code: 'ARTIFACT_MISSING' });
    expect((await store.getFile(other, 'file-0')).equals(shared)).toBe(true);
    // Again, as when the answer was lost.
    expect(await store.remove([old.digest, older.digest], signal)).toEqual({ files: 0, bytes: 0 });
  });

  it('goes to the end when its removal was cut between manifest and files', async () => {
    const own = randomBytes(100);
    const { digest } = await put(own);
    await client.putObject(bucket, announcement(digest), JSON.stringify({ files: [fileOf(own)] }));
    await client.removeObject(bucket, manifestKey(digest));
    expect(await store.remove([digest], signal)).toEqual({ files: 1, bytes: 100 });
    expect(await held(own)).toBe(false);
    await expect(client.statObject(bucket, announcement(digest))).rejects.toThrow();
  });

  it('stays when its removal is aborted before it begins', async () => {
    const own = randomBytes(100);
    const ref = await put(own);
    const reason = new Error('the service stops');
    await expect(store.remove([ref.digest], AbortSignal.abort(reason))).rejects.toBe(reason);
    expect((await store.getFile(ref, 'file-0')).equals(own)).toBe(true);
  });
});

describe('an artifact that is stored while another is removed', () => {
  it('waits for what takes one of its files, and brings that file again', async () => {
    const shared = randomBytes(100);
    const { digest } = await put(shared, randomBytes(1));
    await client.putObject(bucket, announcement(digest), JSON.stringify({ files: [fileOf(shared)] }));
    let isNamed = false;
    const storing = put(shared).finally(() => (isNamed = true));
    await pause(1_000);
    expect(isNamed).toBe(false);
    await client.removeObject(bucket, contentKey(sha256Hex(shared)));
    await client.removeObject(bucket, announcement(digest));
    expect((await store.getFile(await storing, 'file-0')).equals(shared)).toBe(true);
  });

  it('is not named of files that are gone and that nobody can bring', async () => {
    const shared = randomBytes(100);
    const { digest } = await put(shared);
    await client.putObject(bucket, announcement(digest), JSON.stringify({ files: [fileOf(shared)] }));
    const naming = store.name('checkpoint', [{ ...fileOf(shared), path: 'elsewhere' }], []);
    await pause(300);
    await client.removeObject(bucket, contentKey(sha256Hex(shared)));
    await client.removeObject(bucket, announcement(digest));
    await expect(naming).rejects.toMatchObject({ code: 'ARTIFACT_MISSING', retryable: true });
  });

  it('is whole whenever that happens', async () => {
    const round = async (delayMs: number): Promise<boolean> => {
      const shared = randomBytes(64);
      const { digest } = await put(shared, randomBytes(32));
      const storing = pause(delayMs).then(() => put(shared, randomBytes(32)));
      const [stored] = await Promise.all([storing, store.remove([digest], signal)]);
      const files = await store.readManifest(stored).then((manifest) => manifest.files);
      return (await Promise.all(files.map((file) => store.holds(file)))).every(Boolean);
    };
    const whole = [];
    for (let at = 0; at < 40; at += 4)
      whole.push(...(await Promise.all([at, at + 1, at + 2, at + 3].map((number) => round(3 * number)))));
    expect(whole).toEqual(Array.from({ length: 40 }, () => true));
  }, 120_000);
});
