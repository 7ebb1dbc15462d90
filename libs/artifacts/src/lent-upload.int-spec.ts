import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installServers, startServers, type EmbeddedServers } from '@anneal/embedded';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectStore } from './index.js';
import type { ArtifactStore } from './artifact-store.js';
import { sha256Hex } from './manifest.js';

const MiB = 1024 * 1024;
let home: string;
let servers: EmbeddedServers;
let store: ArtifactStore;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'anneal-servers-'));
  servers = await startServers({ dataDir: home, binaries: await installServers(), natsUsers: [], throwaway: true });
  store = connectStore({ ...servers.s3, bucket: 'artifacts' }, { partBytes: 5 * MiB });
  await store.ensureReady();
});
afterAll(async () => {
  await servers.stop();
  await rm(home, { recursive: true, force: true });
});

const fileOf = (path: string, bytes: Buffer) => ({ path, size: bytes.length, sha256: sha256Hex(bytes) });

/** As somebody without a key does it. */
async function send(urls: readonly string[], partBytes: number, bytes: Buffer): Promise<string[]> {
  const etags: string[] = [];
  for (const [index, url] of urls.entries()) {
    const part = bytes.subarray(index * partBytes, (index + 1) * partBytes);
    const answer = await fetch(url, { method: 'PUT', body: new Uint8Array(part) });
    expect(answer.ok).toBe(true);
    etags.push(answer.headers.get('etag') ?? '');
  }
  return etags;
}

describe('an upload that is lent', () => {
  it.each([
    ['of a few bytes', 100],
    ['in parts', 6 * MiB],
  ])('%s brings a file into the store under its digest', async (_how, size) => {
    const bytes = randomBytes(size);
    const file = fileOf('weights', bytes);
    const loan = await store.lendUpload(file, 60);
    expect(loan?.urls).toHaveLength(Math.ceil(size / (5 * MiB)));
    expect(await store.holds(file)).toBe(false);
    const etags = await send(loan?.urls ?? [], loan?.partBytes ?? 0, bytes);
    await store.finishUpload(file, loan?.uploadId ?? '', etags);
    await store.finishUpload(file, loan?.uploadId ?? '', etags);
    expect(await store.lendUpload(file, 60)).toBeUndefined();
    const artifact = await store.name('weights', [file], [{ path: 'config.json', source: Buffer.from('{}') }]);
    expect(await store.getFile(artifact, 'weights')).toEqual(bytes);
    expect(String(await store.getFile(artifact, 'config.json'))).toBe('{}');
  });

  it('is not needed for an empty file', async () => {
    const file = fileOf('empty', Buffer.alloc(0));
    expect(await store.lendUpload(file, 60)).toBeUndefined();
    expect(await store.holds(file)).toBe(true);
  });

  it('is completed once more as long as the file is there, and not when it was removed', async () => {
    const bytes = randomBytes(16);
    const file = fileOf('weights', bytes);
    const { uploadId = '', urls = [] } = (await store.lendUpload(file, 60)) ?? {};
    await expect(store.finishUpload(file, 'unknown', ['x'])).rejects.toMatchObject({ code: 'ARTIFACT_MISSING' });
    const etags = await send(urls, 100, bytes);
    await store.finishUpload(file, uploadId, etags);
    await store.finishUpload(file, uploadId, etags);
    const { digest } = await store.name('checkpoint', [file], []);
    await store.remove([digest], new AbortController().signal);
    await expect(store.finishUpload(file, uploadId, etags)).rejects.toMatchObject({ code: 'ARTIFACT_MISSING' });
  });

  it('gives the same artifact as storing the files', async () => {
    const bytes = Buffer.from('the same');
    const stored = await store.putFiles('adapter', [{ path: 'a', source: bytes }]);
    expect(await store.name('adapter', [fileOf('a', bytes)], [])).toEqual(stored);
  });

  it('names nothing that is not there', async () => {
    const missing = fileOf('weights', randomBytes(8));
    await expect(store.name('weights', [missing], [])).rejects.toMatchObject({ code: 'ARTIFACT_MISSING' });
  });

  it('finds other bytes than the digest says when they are read', async () => {
    const file = fileOf('weights', Buffer.from('right'));
    const loan = await store.lendUpload(file, 60);
    await store.finishUpload(file, loan?.uploadId ?? '', await send(loan?.urls ?? [], 100, Buffer.from('wrong')));
    const artifact = await store.name('weights', [file], []);
    await expect(store.getFile(artifact, 'weights')).rejects.toMatchObject({ code: 'ARTIFACT_CORRUPT' });
  });
});

describe('links for work elsewhere', () => {
  it('lead to every file of an artifact', async () => {
    const sources = ['a', 'b/c'].map((path) => ({ path, source: Buffer.from(path) }));
    const { digest } = await store.putFiles('model', sources);
    for (const { url, file } of await store.linksTo(digest, 60)) {
      expect(await (await fetch(url)).text()).toBe(file.path);
    }
  });

  it('lead to a note that is written over and removed', async () => {
    await store.writeNote('pod-1', { count: 1 });
    const url = await store.linkToNote('pod-1', 60);
    expect(await (await fetch(url)).json()).toEqual({ count: 1 });
    await store.writeNote('pod-1', { count: 2 });
    expect(await (await fetch(url)).json()).toEqual({ count: 2 });
    await store.removeNote('pod-1');
    expect((await fetch(url)).status).toBe(404);
  });
});
