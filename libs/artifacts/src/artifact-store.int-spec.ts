import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmod,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { connect as dial, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import type { ArtifactRef } from '@anneal/contracts';
import { installServers, startServers, type EmbeddedServers } from '@anneal/embedded';
import type { Client } from 'minio';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ArtifactStore } from './artifact-store.js';
import { connect } from './connection.js';
import { ArtifactCache, connectBuckets, connectStore, type StoreOptions } from './index.js';
import { canonicalManifest, contentKey, manifestKey, sha256Hex } from './manifest.js';

const MiB = 1024 * 1024;
let servers: EmbeddedServers;
let home: string;
let options: StoreOptions;
let store: ArtifactStore;
let client: Client;
let folder: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'anneal-servers-'));
  servers = await startServers({ dataDir: home, binaries: await installServers(), natsUsers: [], throwaway: true });
  options = { ...servers.s3, bucket: 'artifacts' };
  store = connectStore(options);
  client = connect(options).client;
  await store.ensureReady();
});
afterAll(async () => {
  await servers.stop();
  await rm(home, { recursive: true, force: true });
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-artifacts-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** As large files go, but with less to move. */
const inSmallParts = (to: StoreOptions): ArtifactStore => new ArtifactStore(connect(to, { partBytes: 5 * MiB }));
const keys = async (prefix: string): Promise<string[]> => {
  const found: string[] = [];
  for await (const item of client.listObjectsV2(options.bucket, prefix, true))
    found.push((item as { name: string }).name);
  return found;
};
const raw = async (key: string): Promise<Buffer> => buffer(await client.getObject(options.bucket, key));
const put = (key: string, bytes: Buffer): Promise<unknown> =>
  client.putObject(options.bucket, key, bytes, bytes.length);
const files = async (directory: string): Promise<string[]> => (await readdir(directory, { recursive: true })).sort();
const text = (path: string, words: string): { path: string; source: Uint8Array } => ({
  path,
  source: Buffer.from(words),
});

/** A line to the server that can be cut. */
async function startLine(endpoint: string): Promise<{ endpoint: string; drop(): void; close(): void }> {
  const open = new Set<Socket>();
  const line = createServer((near) => {
    const far = dial(Number(new URL(endpoint).port), '127.0.0.1');
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on('error', () => undefined).on('close', () => open.delete(socket));
    }
    near.pipe(far).pipe(near);
  }).listen(0, '127.0.0.1');
  await once(line, 'listening');
  const drop = (): void => open.forEach((socket) => socket.resetAndDestroy());
  const close = (): void => {
    line.close();
    drop();
  };
  return { endpoint: `http://127.0.0.1:${(line.address() as AddressInfo).port}`, drop, close };
}

describe('a store', () => {
  it('is ready twice, and says that it keeps what is written once', async () => {
    await store.ensureReady();
    expect(store.conditionalWrites).toBe(true);
    expect(await keys('probe/')).toEqual([]);
  });

  it('refuses wrong keys at once and without a promise that trying again helps', async () => {
    const started = performance.now();
    await expect(connectStore({ ...options, secretKey: 'wrong-wrong' }).ensureReady()).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      retryable: false,
    });
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it('answers others while many read slowly', async () => {
    const ref = await store.putFiles('weights', [{ path: 'w', source: randomBytes(16 * MiB) }]);
    const readers = await Promise.all(Array.from({ length: 40 }, () => store.openFile(ref, 'w')));
    const first = Promise.all(readers.map((reader) => once(reader, 'readable')));
    try {
      await Promise.race([first, delay(10_000)]);
      const answer = store.probe().then(() => 'answered');
      expect(await Promise.race([answer, delay(3_000, 'silent')])).toBe('answered');
    } finally {
      for (const reader of readers) reader.destroy();
    }
  });

  it('that accepts and then says nothing is given up', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const endpoint = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const call = connect({ ...options, endpoint }, { idleMs: 200 }).client.statObject(options.bucket, 'x');
    await expect(call).rejects.toThrow('silent');
    silent.close();
  });
});

describe('a directory', () => {
  it('comes back byte for byte, with empty files and without what was left out', async () => {
    const source = join(folder, 'in');
    await mkdir(join(source, 'deep/er'), { recursive: true });
    await writeFile(join(source, 'a.txt'), 'alpha');
    await writeFile(join(source, 'empty'), '');
    await writeFile(join(source, 'deep/er/b ü.bin'), randomBytes(100_000));
    await writeFile(join(source, 'skip.log'), 'no');
    const seen: [number, number][] = [];
    const ref = await store.putDirectory('model', source, {
      include: (path) => !path.endsWith('.log'),
      onBytes: (sent, total) => seen.push([sent, total]),
    });
    expect(ref).toMatchObject({ kind: 'model', files: 3, bytes: 100_005 });
    expect(seen.at(-1)).toEqual([100_005, 100_005]);
    await store.getDirectory(ref, join(folder, 'out'));
    expect(await files(join(folder, 'out'))).toEqual(['a.txt', 'deep', 'deep/er', 'deep/er/b ü.bin', 'empty']);
    expect(await readFile(join(folder, 'out/deep/er/b ü.bin'))).toEqual(
      await readFile(join(source, 'deep/er/b ü.bin')),
    );
    expect((await stat(join(folder, 'out/empty'))).size).toBe(0);
    expect(await readdir(folder)).not.toContain('out.partial');
    expect(await store.refOf(ref.digest)).toEqual(ref);
  });

  it('has the same name whoever stores it, from files or from bytes', async () => {
    await writeFile(join(folder, 'x'), 'same');
    const fromFile = await store.putFiles('report', [{ path: 'x', source: join(folder, 'x') }, text('y', 'why')]);
    const fromBytes = await store.putFiles('report', [text('y', 'why'), text('x', 'same')]);
    expect(fromBytes).toEqual(fromFile);
    expect((await store.getFile(fromBytes, 'y')).toString()).toBe('why');
    expect((await buffer(await store.openFile(fromBytes, 'x'))).toString()).toBe('same');
    await expect(store.getFile(fromBytes, 'z')).rejects.toMatchObject({ code: 'ARTIFACT_MISSING' });
  });

  it('of more than 64 MiB goes in parts, equal parts too', async () => {
    const large = Buffer.concat([Buffer.alloc(64 * MiB), randomBytes(6 * MiB), Buffer.from('end')]);
    await writeFile(join(folder, 'zeros.safetensors'), large);
    const ref = await store.putFiles('weights', [
      { path: 'zeros.safetensors', source: join(folder, 'zeros.safetensors') },
    ]);
    const found = await client.statObject(options.bucket, contentKey(sha256Hex(large)));
    expect(found).toMatchObject({ size: large.length, metaData: { sha256: sha256Hex(large) } });
    expect(found.etag).toMatch(/-3$/);
    await store.getDirectory(ref, join(folder, 'out'));
    expect((await readFile(join(folder, 'out/zeros.safetensors'))).equals(large)).toBe(true);
  });

  it('may be stored by two at the same time', async () => {
    const large = randomBytes(11 * MiB);
    const list = [{ path: 'w', source: large }, text('c', `config ${folder}`)];
    const [one, other] = [inSmallParts(options), inSmallParts(options)];
    const refs = await Promise.all([one.putFiles('weights', list), other.putFiles('weights', list)]);
    expect(refs[0]).toEqual(refs[1]);
    await store.getDirectory(refs[0], join(folder, 'out'));
    expect((await readFile(join(folder, 'out/w'))).equals(large)).toBe(true);
  });

  it('is refused with a symbolic link, when it is empty, and when it is not there', async () => {
    await mkdir(join(folder, 'links'));
    await symlink('/etc/hostname', join(folder, 'links/secret'));
    await expect(store.putDirectory('log', join(folder, 'links'))).rejects.toMatchObject({
      code: 'ARTIFACT_CORRUPT',
      retryable: false,
    });
    await expect(store.putFiles('log', [{ path: 'a', source: join(folder, 'links/secret') }])).rejects.toMatchObject({
      code: 'ARTIFACT_CORRUPT',
    });
    await expect(store.putDirectory('log', join(folder, 'links'), { include: () => false })).rejects.toMatchObject({
      code: 'ARTIFACT_MISSING',
    });
    await expect(store.putDirectory('log', join(folder, 'nothing'))).rejects.toMatchObject({
      code: 'ARTIFACT_MISSING',
    });
  });

  it('that was not fetched to the end is gone on with', async () => {
    const ref = await store.putFiles('dataset', [text('one', 'one'), text('sub/two', 'two'), text('three', 'three')]);
    const partial = join(folder, 'out.partial');
    await mkdir(join(partial, 'three'), { recursive: true });
    await mkdir(join(partial, 'sub'));
    await writeFile(join(partial, 'one'), 'one');
    await writeFile(join(partial, 'sub/two'), 'tw');
    await writeFile(join(partial, 'sub/two.left-over.part'), 'tw');
    await symlink('/etc', join(partial, 'old'));
    const kept = await stat(join(partial, 'one'));
    await store.getDirectory(ref, join(folder, 'out'));
    expect(await files(join(folder, 'out'))).toEqual(['one', 'sub', 'sub/two', 'three']);
    expect(await readFile(join(folder, 'out/sub/two'), 'utf8')).toBe('two');
    expect((await stat(join(folder, 'out/one'))).ino).toBe(kept.ino);
    await store.getDirectory(ref, join(folder, 'out'));
    await writeFile(join(folder, 'out/one'), 'eno');
    await expect(store.getDirectory(ref, join(folder, 'out'))).rejects.toMatchObject({ code: 'ARTIFACT_CORRUPT' });
  });
});

describe('damage', () => {
  it('of an object is seen, and leaves no file behind', async () => {
    const ref = await store.putFiles('model', [text('model.bin', `good ${folder}`)]);
    const key = contentKey(sha256Hex(Buffer.from(`good ${folder}`)));
    await put(key, Buffer.from(`evil ${folder}`));
    await expect(store.getDirectory(ref, join(folder, 'out'))).rejects.toMatchObject({
      code: 'ARTIFACT_CORRUPT',
      retryable: true,
    });
    expect(await readdir(folder)).toEqual(['out.partial']);
    expect(await files(join(folder, 'out.partial'))).toEqual([]);
    await expect(store.getFile(ref, 'model.bin')).rejects.toMatchObject({ code: 'ARTIFACT_CORRUPT' });
    await expect(buffer(await store.openFile(ref, 'model.bin'))).rejects.toMatchObject({ code: 'ARTIFACT_CORRUPT' });
    await put(key, Buffer.from('go'));
    await expect(store.getFile(ref, 'model.bin')).rejects.toMatchObject({ code: 'ARTIFACT_CORRUPT' });
    // Storing the artifact again heals it.
    await store.putFiles('model', [text('model.bin', `good ${folder}`)]);
    expect((await store.getFile(ref, 'model.bin')).toString()).toBe(`good ${folder}`);
    await client.removeObject(options.bucket, key);
    await expect(store.getFile(ref, 'model.bin')).rejects.toMatchObject({ code: 'ARTIFACT_MISSING', retryable: false });
  });

  it('of a manifest is seen, and a forged one writes nothing outside', async () => {
    const ref = await store.putFiles('model', [text('a', `manifest ${folder}`)]);
    const whole = await raw(manifestKey(ref.digest));
    await put(manifestKey(ref.digest), Buffer.concat([whole, Buffer.from('\n')]));
    await expect(store.readManifest(ref)).rejects.toMatchObject({ code: 'ARTIFACT_CORRUPT' });

    const { sha256, size } = { sha256: sha256Hex(Buffer.from('owned')), size: 5 };
    await put(contentKey(sha256), Buffer.from('owned'));
    const forged = canonicalManifest({ version: 1, kind: 'model', files: [{ path: '../../evil', sha256, size }] });
    const digest = sha256Hex(forged);
    await put(manifestKey(digest), forged);
    const bad: ArtifactRef = { kind: 'model', digest, files: 1, bytes: 5 };
    await expect(store.getDirectory(bad, join(folder, 'in/out'))).rejects.toMatchObject({
      code: 'ARTIFACT_CORRUPT',
      retryable: false,
    });
    expect(await readdir(folder)).toEqual([]);
    await expect(store.readManifest('0'.repeat(64))).rejects.toMatchObject({ code: 'ARTIFACT_MISSING' });
  });

  it('by a file that is written while it is stored does not get a name', async () => {
    const path = join(folder, 'growing');
    await writeFile(path, randomBytes(12 * MiB));
    await writeFile(join(folder, 'small'), 'small');
    let cut = false;
    const storing = inSmallParts(options).putFiles(
      'log',
      [
        { path: 'small', source: join(folder, 'small') },
        { path: 'growing', source: path },
      ],
      {
        onBytes: () => {
          if (cut) return;
          cut = true;
          void truncate(path, MiB);
        },
      },
    );
    await expect(storing).rejects.toMatchObject({ code: 'ARTIFACT_CORRUPT', retryable: true });
  });

  it('by a lost connection is made good', async () => {
    const line = await startLine(options.endpoint);
    let drops = 0;
    const bytes = randomBytes(22 * MiB);
    const far = inSmallParts({ ...options, endpoint: line.endpoint });
    const ref = await far.putFiles('weights', [{ path: 'w', source: bytes }], {
      onBytes: () => {
        if (++drops <= 2) line.drop();
      },
    });
    expect((await client.statObject(options.bucket, contentKey(sha256Hex(bytes)))).size).toBe(bytes.length);
    let received = 0;
    const dropped = new Set<number>();
    for await (const chunk of await far.openFile(ref, 'w')) {
      received += (chunk as Buffer).length;
      const quarter = Math.floor((4 * received) / bytes.length);
      if (quarter > 0 && quarter < 4 && !dropped.has(quarter)) {
        dropped.add(quarter);
        line.drop();
      }
    }
    expect([received, dropped.size]).toEqual([bytes.length, 3]);
    line.close();
  });

  it('by a server that is killed meanwhile is made good', async () => {
    const bytes = randomBytes(22 * MiB);
    let killed = false;
    const ref = await inSmallParts(options).putFiles('weights', [{ path: 'w', source: bytes }], {
      onBytes: () => {
        if (!killed) servers.kill('s3', 'SIGKILL');
        killed = true;
      },
    });
    await store.getDirectory(ref, join(folder, 'out'));
    expect((await readFile(join(folder, 'out/w'))).equals(bytes)).toBe(true);
  });

  // To the server a killed process and a cut line are the same: no part, no completion and no abort comes any more.
  it('by an upload that is cut off leaves nothing that is named', async () => {
    const line = await startLine(options.endpoint);
    const bytes = randomBytes(22 * MiB);
    const before = await keys('manifests/');
    const far = inSmallParts({ ...options, endpoint: line.endpoint });
    const storing = far.putFiles('weights', [{ path: 'large', source: bytes }], { onBytes: () => line.close() });
    await expect(storing).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
    expect(await keys('manifests/')).toEqual(before);
    expect(await keys(contentKey(sha256Hex(bytes)))).toEqual([]);
    expect((await inSmallParts(options).putFiles('weights', [{ path: 'large', source: bytes }])).bytes).toBe(
      bytes.length,
    );
  });

  it('by an aborted upload ends the upload too', async () => {
    const abort = new AbortController();
    const reason = new Error('the lease is lost');
    const bytes = randomBytes(22 * MiB);
    const storing = inSmallParts(options).putFiles('weights', [{ path: 'w', source: bytes }], {
      signal: abort.signal,
      onBytes: () => abort.abort(reason),
    });
    await expect(storing).rejects.toBe(reason);
    const open: string[] = [];
    for await (const item of client.listIncompleteUploads(options.bucket, contentKey(sha256Hex(bytes)), true)) {
      open.push((item as { key: string }).key);
    }
    expect(open).toEqual([]);
  });
});

describe('the registry', () => {
  const publishedAt = '2026-01-02T03:04:05.000Z';

  it('names an artifact, once for the same run, and moves the tag for another', async () => {
    const first = await store.putFiles('model', [text('m', 'first')]);
    const second = await store.putFiles('model', [text('m', 'second')]);
    const entry = {
      name: 'gemma-math',
      tag: 'latest',
      artifact: first,
      runId: 'run-1',
      publishedAt,
      details: { a: 1 },
    };
    expect(await store.setTag(entry)).toEqual({ revision: first.digest });
    expect(await store.setTag({ ...entry, publishedAt: '2027-01-01T00:00:00.000Z' })).toEqual({
      revision: first.digest,
    });
    expect(await store.resolveTag('gemma-math')).toEqual(entry);
    await store.setTag({ ...entry, artifact: second, runId: 'run-2' });
    await store.setTag({ ...entry, tag: 'v1' });
    expect((await store.resolveTag('gemma-math', 'latest')).artifact).toEqual(second);
    expect((await store.resolveTag('gemma-math', first.digest)).runId).toBe('run-1');
    const tags = (await store.listTags()).map(({ name, tag, runId }) => [name, tag, runId]);
    expect(tags).toEqual([
      ['gemma-math', 'latest', 'run-2'],
      ['gemma-math', 'v1', 'run-1'],
    ]);
  });

  it('knows nothing that nobody published, and refuses names that are paths', async () => {
    await expect(store.resolveTag('nobody')).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
    await expect(store.resolveTag('../manifests', 'x')).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
    const artifact = await store.putFiles('model', [text('m', 'first')]);
    const entry = { name: 'm', tag: 'a/b', artifact, runId: 'r', publishedAt, details: {} };
    await expect(store.setTag(entry)).rejects.toMatchObject({ code: 'PUBLISH_REFUSED' });
    await expect(store.setTag({ ...entry, tag: artifact.digest })).rejects.toMatchObject({ code: 'PUBLISH_REFUSED' });
  });

  it('lets one of several runs win and tells the others', async () => {
    const artifact = await store.putFiles('model', [text('m', 'race')]);
    const racers = Array.from({ length: 6 }, (_none, run) =>
      connectStore(options).setTag({
        name: 'race',
        tag: 'latest',
        artifact,
        runId: `run-${run}`,
        publishedAt,
        details: {},
      }),
    );
    const outcomes = await Promise.allSettled(racers);
    const lost = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(lost.length).toBeLessThan(6);
    for (const { reason } of lost) expect(reason).toMatchObject({ code: 'PUBLISH_CONFLICT', retryable: true });
    expect((await store.resolveTag('race')).artifact).toEqual(artifact);
  });
});

describe('the cache', () => {
  const cached = (from = store, maxBytes = 1024 * MiB) => new ArtifactCache(from, join(folder, 'cache'), maxBytes);
  const inCache = async (): Promise<string[]> =>
    (await readdir(join(folder, 'cache'))).filter((name) => !name.endsWith('.json'));

  it('fetches once for everybody, from one process or from several', async () => {
    const ref = await store.putFiles('model', [text('m', `cached ${folder}`), text('d/n', 'n')]);
    const caches = [cached(), cached(connectStore(options))];
    const targets = Array.from({ length: 6 }, (_, n) => join(folder, `own-${n}`));
    await Promise.all(targets.map(async (target, n) => caches[n % 2]?.place(ref, target)));
    expect(await readdir(join(folder, 'cache'))).toEqual([ref.digest, `${ref.digest}.json`]);
    for (const target of targets) expect(await files(target)).toEqual(['d', 'd/n', 'm']);
    expect((await stat(join(folder, 'own-0', 'd/n'))).mode & 0o222).toBe(0);
    // The same bytes, and not six times.
    expect((await stat(join(folder, 'cache', ref.digest, 'm'))).nlink).toBe(7);
    // What is here needs no store.
    const alone = cached(connectStore({ ...options, endpoint: 'http://127.0.0.1:9' }));
    expect(await alone.use(ref, undefined, (lent) => readFile(join(lent, 'd/n'), 'utf8'))).toBe('n');
    expect(await inCache()).toEqual([ref.digest]);
  });

  it('replaces a copy that lost bytes', async () => {
    const ref = await store.putFiles('model', [text('m', 'whole')]);
    const cache = cached();
    const target = await cache.place(ref, join(folder, 'own'));
    const copy = join(folder, 'cache', ref.digest, 'm');
    await chmod(copy, 0o644);
    await truncate(copy, 2);
    await cache.place(ref, target);
    expect(await readFile(join(target, 'm'), 'utf8')).toBe('whole');
    expect(await readdir(join(folder, 'cache'))).toHaveLength(2);
  });

  it('lets one caller leave and goes on for the other', async () => {
    const ref = await store.putFiles('weights', [{ path: 'w', source: randomBytes(20 * MiB) }]);
    const cache = cached();
    const abort = new AbortController();
    const leaving = cache.place(ref, join(folder, 'left'), abort.signal);
    const staying = cache.place(ref, join(folder, 'stayed'));
    abort.abort(new Error('not needed'));
    await expect(leaving).rejects.toThrow('not needed');
    expect(await files(await staying)).toEqual(['w']);
  });

  it('leaves nothing half done when nobody waits any more', async () => {
    const ref = await store.putFiles('weights', [{ path: 'w', source: randomBytes(20 * MiB) }]);
    const cache = cached();
    const abort = new AbortController();
    const leaving = cache.place(ref, join(folder, 'own'), abort.signal);
    setTimeout(() => abort.abort(new Error('not needed')), 30);
    await expect(leaving).rejects.toThrow('not needed');
    // When it was about to be complete it may be completed; parts of it go in any case.
    const halves = async (): Promise<string[]> => (await inCache()).filter((name) => name !== ref.digest);
    await expect.poll(halves, { timeout: 10_000 }).toEqual([]);
    expect(await readdir(folder)).toEqual(['cache']);
    await expect(cache.place(ref, join(folder, 'own'))).resolves.toBeTypeOf('string');
  });

  describe('that is full', () => {
    const put = (name: string, size = MiB) => store.putFiles('model', [{ path: name, source: randomBytes(size) }]);

    it('removes what was not wanted for longest, and nothing that somebody has', async () => {
      const refs = [await put('a'), await put('b'), await put('c')];
      const [a, b, c] = refs as [ArtifactRef, ArtifactRef, ArtifactRef];
      const cache = cached(store, 2.5 * MiB);
      const used = await cache.place(a, join(folder, 'of-a-job'));
      const digest = sha256Hex(await readFile(join(used, 'a')));
      // What a process reads that was started long ago, and whose service is gone.
      const reading = await open(join(used, 'a'));
      await cache.use(b, undefined, () => Promise.resolve());
      await cache.use(c, undefined, () => Promise.resolve());
      expect(await inCache()).toEqual([b.digest, c.digest].toSorted());
      expect(sha256Hex(await readFile(join(used, 'a')))).toBe(digest);
      expect(sha256Hex(await reading.readFile())).toBe(digest);
      await reading.close();
      // Wanted once more, so that it is not the oldest.
      await cache.use(b, undefined, () => Promise.resolve());
      await cache.place(a, join(folder, 'of-another'));
      expect(await inCache()).toEqual([a.digest, b.digest].toSorted());
    });

    it('gives up as much as a disk without room needs, and keeps what would free nothing', async () => {
      const [a, b, c] = [await put('a'), await put('b'), await put('c')];
      const disk = async (): Promise<number> => ((await inCache()).length > 1 ? MiB / 2 : 2 * MiB);
      const cache = new ArtifactCache(store, join(folder, 'cache'), Infinity, disk);
      await cache.place(a, join(folder, 'of-a-job'));
      await cache.use(b, undefined, () => Promise.resolve());
      await cache.use(c, undefined, () => Promise.resolve());
      expect(await inCache()).toEqual([a.digest, c.digest].toSorted());
    });

    it('fetches what is larger than all of it', async () => {
      const [small, large] = [await put('s'), await put('l', 4 * MiB)];
      const cache = cached(store, 2 * MiB);
      await cache.place(small, join(folder, 'small'));
      await cache.place(large, join(folder, 'large'));
      expect(await inCache()).toEqual([large.digest]);
    });

    it('hands whole artifacts to all who ask, however they take them from one another', async () => {
      const refs = await Promise.all(['a', 'b', 'c', 'd'].map((name) => put(name, 100_000)));
      const caches = [cached(store, 100_000), cached(connectStore(options), 100_000)];
      const rounds = Array.from({ length: 24 }, (_, n) => n);
      const placing = rounds.map(async (n) => {
        await delay(Math.random() * 300);
        const ref = refs[n % 4] as ArtifactRef;
        return files((await caches[n % 2]?.place(ref, join(folder, `own-${n}`))) ?? '');
      });
      expect(await Promise.all(placing)).toEqual(rounds.map((n) => [['a', 'b', 'c', 'd'][n % 4]]));
    });
  });
});

describe('a bucket of data', () => {
  const signal = new AbortController().signal;
  const text = 'some rows\n'.repeat(100_000);
  beforeAll(async () => {
    await client.makeBucket('data', options.region);
    for (const key of ['sets/b.jsonl', 'sets/a.jsonl', 'other.jsonl'])
      await client.putObject('data', key, Buffer.from(text), text.length);
  });

  it('is read only when the operator allows it', () => {
    const buckets = connectBuckets(options, ['data']);
    expect([buckets.has('data'), buckets.has('artifacts')]).toEqual([true, false]);
  });

  it('lists and finds what is in it, with digests', async () => {
    const buckets = connectBuckets(options, ['data']);
    expect((await buckets.list('data', 'sets/')).map(({ key }) => key).toSorted()).toEqual([
      'sets/a.jsonl',
      'sets/b.jsonl',
    ]);
    const md5 = createHash('md5').update(text).digest('hex');
    expect(await buckets.find('data', 'sets/a.jsonl')).toEqual({
      bucket: 'data',
      key: 'sets/a.jsonl',
      size: text.length,
      etag: md5,
      digest: { algorithm: 'md5', hex: md5 },
    });
    expect(await buckets.find('data', 'sets')).toBeUndefined();
    await expect(buckets.list('nowhere', '')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });

  it('gives an object from the middle on, and not another one in its place', async () => {
    const buckets = connectBuckets(options, ['data']);
    const object = await buckets.find('data', 'sets/a.jsonl');
    if (!object) throw new Error('not there');
    const chunks: Buffer[] = [];
    for await (const chunk of await buckets.open(object, 500_000, signal)) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe(text.slice(500_000));
    await client.putObject('data', object.key, Buffer.from('other'), 5);
    await expect(buckets.open(object, 0, signal)).rejects.toMatchObject({ code: 'DATASET_CHANGED', retryable: true });
  });
});
