import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  artifactRef,
  Failure,
  type ArtifactKind,
  type ArtifactRef,
  type Manifest,
  type ManifestFile,
} from '@anneal/contracts';
import { inSpan, SpanKind } from '@anneal/tracing';
import type {
  FileLink,
  GetOptions,
  PutOptions,
  RegistryEntry,
  SourceFile,
  StoreOptions,
  UploadLoan,
} from './artifact-types.js';
import { connect, type Connection, type TransferLimits } from './connection.js';
import { downloadDirectory } from './directory.js';
import { contentOf } from './download.js';
import { finishLentUpload, lendUpload } from './lent-upload.js';
import { contentKey, manifestKey, openManifest, refOf, sealManifest, type SealedManifest } from './manifest.js';
import { getObject, nameOfNote, noteFolder, noteKey } from './object.js';
import { defaultTag, readTag, readTags, writeTag } from './registry.js';
import { isWhole, removeArtifacts, type Removed } from './removal.js';
import { inParallel, withRetry } from './retry.js';
import { filesOf, hashSource, type HashedFile } from './source.js';
import { errorCode, storeFailure } from './store-failure.js';
import { isStored, putOnce, uploadFile } from './upload.js';

const filesAtOnce = 4;

/** The store of artifacts: bytes under their digests, manifests that name them, and published models. */
export class ArtifactStore {
  #connection: Connection;
  #conditionalWrites: boolean | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Whether the server refuses to write over an object when asked to; known once the store is ready. */
  get conditionalWrites(): boolean | undefined {
    return this.#conditionalWrites;
  }

  /** Makes the bucket if need be and writes a probe; STORE_UNAVAILABLE when that fails. */
  async ensureReady(): Promise<void> {
    const { client, bucket, region } = this.#connection;
    await this.#attempt(`use the bucket ${bucket}`, async () => {
      if (!(await withRetry(() => client.bucketExists(bucket)))) await this.#makeBucket(region);
      const key = `probe/${randomUUID()}`;
      const probe = Buffer.from('probe');
      const put = (): Promise<unknown> => client.putObject(bucket, key, probe, probe.length, { 'If-None-Match': '*' });
      await withRetry(put).catch((error: unknown) => {
        // A repeated probe is refused by its own first try when only the answer to that one was lost.
        if (errorCode(error) !== 'PreconditionFailed') throw error;
      });
      this.#conditionalWrites = await put().then(
        () => false,
        (error: unknown) => errorCode(error) === 'PreconditionFailed',
      );
      await client.removeObject(bucket, key).catch(() => undefined);
    });
  }

  /** Asks once whether the bucket is there. @throws when it is not, or nobody answers */
  async probe(): Promise<void> {
    const { client, bucket } = this.#connection;
    if (!(await client.bucketExists(bucket))) throw new Error(`the bucket ${bucket} is gone`);
  }

  /** Stores the files of a directory, except those left out, and names them. Symbolic links are refused. */
  async putDirectory(kind: ArtifactKind, directory: string, options: PutOptions = {}): Promise<ArtifactRef> {
    const work = async (): Promise<ArtifactRef> => {
      const files = await filesOf(directory, options.include);
      return this.#put(kind, files, directory, options);
    };
    return this.#traced('put', { kind }, () => this.#attempt(`store ${directory}`, work, options.signal));
  }

  /** Stores exactly these files and bytes, and names them. */
  async putFiles(
    kind: ArtifactKind,
    files: readonly SourceFile[],
    options: Omit<PutOptions, 'include'> = {},
  ): Promise<ArtifactRef> {
    const work = (): Promise<ArtifactRef> => this.#put(kind, files, 'the list', options);
    return this.#traced('put', { kind }, () => this.#attempt('store files', work, options.signal));
  }

  /** The verified list of an artifact's files. */
  async readManifest(ref: ArtifactRef | string): Promise<Manifest> {
    const digest = typeof ref === 'string' ? ref : ref.digest;
    return this.#attempt(`read the manifest ${digest.slice(0, 12)}`, async () => {
      const { bytes } = await getObject(this.#connection, manifestKey(digest));
      return openManifest(bytes, digest);
    });
  }

  /** The reference of a stored artifact of which only the digest is known. */
  async refOf(digest: string): Promise<ArtifactRef> {
    return refOf(await this.readManifest(digest), digest);
  }

  /**
   * Writes an artifact's files into a directory that appears only when it is complete and verified. Files that are
   * there from an earlier, interrupted try are kept when they are right.
   */
  async getDirectory(ref: ArtifactRef, directory: string, options: GetOptions = {}): Promise<void> {
    await this.#traced('get', ref, async () => {
      const manifest = await this.readManifest(ref);
      const work = (): Promise<void> => downloadDirectory(this.#connection, manifest, directory, options);
      await this.#attempt(`fetch an artifact to ${directory}`, work, options.signal);
    });
  }

  /** A whole file of an artifact, verified; for small ones. */
  async getFile(ref: ArtifactRef, path: string): Promise<Buffer> {
    const file = await this.#find(ref, path);
    return this.#attempt(`fetch ${path}`, async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of contentOf(this.#connection, file)) chunks.push(chunk);
      return Buffer.concat(chunks);
    });
  }

  /**
   * A file of an artifact as a stream, for a reader of any speed; it ends with ARTIFACT_CORRUPT when the bytes were not the
   * file's. Each holds a socket until it ends or is destroyed.
   */
  async openFile(ref: ArtifactRef, path: string, signal?: AbortSignal): Promise<Readable> {
    const file = await this.#find(ref, path);
    const { endpoint, reading } = this.#connection;
    const content = contentOf({ ...this.#connection, client: reading }, file, signal);
    async function* verified(): AsyncGenerator<Buffer> {
      try {
        yield* content;
      } catch (error) {
        signal?.throwIfAborted();
        throw storeFailure(error, `read ${path}`, endpoint);
      }
    }
    return Readable.from(verified(), { objectMode: false });
  }

  /** A link by which anybody may fetch a file of an artifact, without a key of the store, until it expires. */
  async linkTo(ref: ArtifactRef, path: string, seconds: number): Promise<FileLink> {
    const file = await this.#find(ref, path);
    return this.#attempt(`make a link to ${path}`, async () => {
      const { linking, bucket } = this.#connection;
      const now = new Date();
      const disposition = `attachment; filename*=UTF-8''${encodeURIComponent(path.split('/').at(-1) ?? path)}`;
      const key = contentKey(file.sha256);
      const headers = { 'response-content-disposition': disposition };
      const url = await linking.presignedGetObject(bucket, key, seconds, headers, now);
      return { url, expiresAt: new Date(now.getTime() + seconds * 1000).toISOString(), file };
    });
  }

  /** Links to all files of an artifact, for work elsewhere that has no key of the store. */
  async linksTo(ref: ArtifactRef | string, seconds: number): Promise<FileLink[]> {
    const { files } = await this.readManifest(ref);
    const expiresAt = new Date(Date.now() + seconds * 1000).toISOString();
    return this.#attempt('make links', async () => {
      const { linking, bucket } = this.#connection;
      const links: FileLink[] = [];
      for (const file of files) {
        links.push({
          url: await linking.presignedGetObject(bucket, contentKey(file.sha256), seconds),
          expiresAt,
          file,
        });
      }
      return links;
    });
  }

  /** Lets work without a key of the store bring a file into it; undefined when the file is there already. */
  async lendUpload(file: ManifestFile, seconds: number): Promise<UploadLoan | undefined> {
    return this.#attempt(`lend an upload of ${file.path}`, () => lendUpload(this.#connection, file, seconds));
  }

  /** Completes a lent upload, from the ETags of its parts. Safe to repeat. */
  async finishUpload(file: ManifestFile, uploadId: string, etags: readonly string[]): Promise<void> {
    await this.#attempt(`complete ${file.path}`, () => finishLentUpload(this.#connection, file, uploadId, etags));
  }

  /** Whether the bytes of a file are here. */
  async holds(file: ManifestFile): Promise<boolean> {
    return this.#attempt(`look for ${file.path}`, () => isStored(this.#connection, { file }));
  }

  /**
   * Names files that are in the store already as an artifact, together with some that are not.
   *
   * @throws Failure ARTIFACT_MISSING when one of them is not there
   */
  async name(kind: ArtifactKind, files: readonly ManifestFile[], more: readonly SourceFile[]): Promise<ArtifactRef> {
    return this.#attempt('store files', async () => {
      const hashed: HashedFile[] = [];
      for (const source of more) hashed.push(await hashSource(source, this.#connection.partBytes));
      const sealed = sealManifest(kind, [...files, ...hashed.map(({ file }) => file)]);
      await this.#seal(sealed, async () => {
        for (const file of files) await this.#demand(file);
        for (const entry of hashed) await uploadFile(this.#connection, entry, () => undefined);
      });
      return sealed.ref;
    });
  }

  /**
   * Removes artifacts that nobody names any more, and those of their files that no other artifact lists. Safe to repeat, which
   * takes up a removal that was cut, but only one at a time may remove an artifact.
   *
   * @param signal has to abort it before somebody else takes it up
   */
  async remove(digests: readonly string[], signal: AbortSignal): Promise<Removed> {
    return this.#attempt('remove artifacts', () => removeArtifacts(this.#connection, digests, signal), signal);
  }

  /** Puts a note where work without a key of the store can read it by a link; it may be written over. */
  async writeNote(name: string, note: unknown): Promise<void> {
    const { client, bucket } = this.#connection;
    const bytes = Buffer.from(JSON.stringify(note));
    await this.#attempt('write a note', () => withRetry(() => client.putObject(bucket, noteKey(name), bytes)));
  }

  /** @param seconds at most 604,800, which is the most that S3 signs for */
  async linkToNote(name: string, seconds: number): Promise<string> {
    const { linking, bucket } = this.#connection;
    return this.#attempt('make a link to a note', () => linking.presignedGetObject(bucket, noteKey(name), seconds));
  }

  /** Names of all notes. */
  async listNotes(): Promise<string[]> {
    const { client, bucket } = this.#connection;
    return this.#attempt('list the notes', () =>
      withRetry(async () => {
        const names: string[] = [];
        for await (const item of client.listObjectsV2(bucket, noteFolder, true)) {
          const { name = '' } = item as { name?: string };
          const note = nameOfNote(name);
          if (note !== undefined) names.push(note);
        }
        return names;
      }),
    );
  }

  async removeNote(name: string): Promise<void> {
    const { client, bucket } = this.#connection;
    await this.#attempt('remove a note', () => withRetry(() => client.removeObject(bucket, noteKey(name))));
  }

  /** Publishes an artifact under a name and a tag; the revision is its digest. Safe to repeat. */
  async setTag(entry: RegistryEntry): Promise<{ revision: string }> {
    return this.#attempt(`publish registry:${entry.name}:${entry.tag}`, () => writeTag(this.#connection, entry));
  }

  /** Finds a published model by tag or revision; MODEL_NOT_FOUND when there is none. */
  async resolveTag(name: string, tag: string = defaultTag): Promise<RegistryEntry> {
    return this.#attempt(`find registry:${name}:${tag}`, () => readTag(this.#connection, name, tag));
  }

  /** Every tag of every published model. */
  async listTags(): Promise<RegistryEntry[]> {
    return this.#attempt('list the published models', () => readTags(this.#connection));
  }

  async #put(
    kind: ArtifactKind,
    files: readonly SourceFile[],
    where: string,
    { signal, onBytes }: PutOptions,
  ): Promise<ArtifactRef> {
    if (files.length === 0) {
      throw new Failure('ARTIFACT_MISSING', `There is no file to store in ${where}.`, {
        remedy: 'Look in the log of the stage for the step that should have written files.',
      });
    }
    const hashed: HashedFile[] = [];
    for (const file of files) hashed.push(await hashSource(file, this.#connection.partBytes, signal));
    const sealed = sealManifest(
      kind,
      hashed.map(({ file }) => file),
    );
    await this.#seal(
      sealed,
      () => {
        let sent = 0;
        return this.#upload(hashed, (bytes) => onBytes?.((sent += bytes), sealed.ref.bytes), signal);
      },
      signal,
    );
    return sealed.ref;
  }

  async #upload(hashed: readonly HashedFile[], count: (bytes: number) => void, signal?: AbortSignal): Promise<void> {
    // Equal files are one object. Those in parts come last and one by one: each fills the connections by itself.
    const distinct = [...new Map(hashed.map((entry) => [entry.file.sha256, entry])).values()];
    for (const entry of hashed) if (!distinct.includes(entry)) count(entry.file.size);
    const inOne = distinct.filter(({ parts }) => parts.length === 1);
    await inParallel(inOne, filesAtOnce, (entry) => uploadFile(this.#connection, entry, count, signal));
    for (const entry of distinct) {
      if (entry.parts.length > 1) await uploadFile(this.#connection, entry, count, signal);
    }
  }

  /** Names an artifact when its files are there, and again when a removal took one of them that was found there. */
  async #seal(sealed: SealedManifest, bring: () => Promise<void>, signal?: AbortSignal): Promise<void> {
    const { bytes, ref } = sealed;
    const headers = { 'content-type': 'application/json', 'x-amz-meta-sha256': ref.digest };
    do {
      await bring();
      // The manifest is last: what is named by nobody was never stored, wherever this was interrupted.
      await putOnce(this.#connection, manifestKey(ref.digest), bytes, headers, signal);
    } while (!(await isWhole(this.#connection, sealed, signal)));
  }

  async #demand(file: ManifestFile): Promise<void> {
    if (await this.holds(file)) return;
    throw new Failure('ARTIFACT_MISSING', `${file.path} was to be in the store and is not.`, {
      remedy: 'Run the stage that should have sent it again.',
      file: file.path,
      retryable: true,
    });
  }

  async #makeBucket(region: string): Promise<void> {
    const { client, bucket } = this.#connection;
    await withRetry(() => client.makeBucket(bucket, region)).catch((error: unknown) => {
      if (!['BucketAlreadyOwnedByYou', 'BucketAlreadyExists'].includes(errorCode(error))) throw error;
    });
    // Only for a bucket of our own making; not every server has such rules.
    const rule = { ID: 'unfinished-uploads', Status: 'Enabled', Filter: { Prefix: '' } };
    await client
      .setBucketLifecycle(bucket, {
        Rule: [{ ...rule, AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 } }],
      })
      .catch(() => undefined);
  }

  async #find(ref: ArtifactRef, path: string): Promise<ManifestFile> {
    const { files } = await this.readManifest(ref);
    const file = files.find((candidate) => candidate.path === path);
    if (file !== undefined) return file;
    throw new Failure('ARTIFACT_MISSING', `The ${ref.kind} ${ref.digest.slice(0, 12)} has no file ${path}.`, {
      remedy: 'Check which stage made the artifact and with which version.',
      file: path,
    });
  }

  /** One span for an artifact, however many requests that takes. */
  async #traced<T>(
    doing: 'put' | 'get',
    which: Pick<ArtifactRef, 'kind'> | ArtifactRef,
    work: () => Promise<T>,
  ): Promise<T> {
    const { bucket, tracer } = this.#connection;
    const form = { name: `${doing} ${which.kind}`, kind: SpanKind.CLIENT, attributes: { 'aws.s3.bucket': bucket } };
    return inSpan(tracer, form, async (span) => {
      const result = await work();
      const ref = artifactRef.safeParse(doing === 'put' ? result : which).data;
      if (ref) span.setAttributes({ 'anneal.artifact.digest': ref.digest, 'anneal.artifact.bytes': ref.bytes });
      return result;
    });
  }

  /** Errors leave as failures, except the reason of an abort, which is the caller's own. */
  async #attempt<T>(what: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    try {
      return await work();
    } catch (error) {
      signal?.throwIfAborted();
      throw storeFailure(error, what, this.#connection.endpoint);
    }
  }
}

/** A store at this address. Nothing is asked of the server before the first call. */
export function connectStore(options: StoreOptions, limits: Partial<TransferLimits> = {}): ArtifactStore {
  return new ArtifactStore(connect(options, limits));
}
