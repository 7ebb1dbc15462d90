import { Failure } from '@anneal/contracts';
import type { StoreOptions } from './artifact-types.js';
import { connect, type Connection } from './connection.js';
import { withRetry } from './retry.js';
import { isMissing, isTransient, storeFailure } from './store-failure.js';

/** An object that somebody else keeps in the same store. */
export interface BucketObject {
  readonly bucket: string;
  readonly key: string;
  readonly size: number;
  /** Changes with the content. */
  readonly etag: string;
  /** Of the content, where the server says it. */
  readonly digest?: { readonly algorithm: 'md5'; readonly hex: string };
}

/** Buckets of data beside the one of the artifacts, which are read and never written. */
export class DataBuckets {
  #connection: Omit<Connection, 'bucket'>;

  constructor(
    connection: Omit<Connection, 'bucket'>,
    private readonly names: readonly string[],
  ) {
    this.#connection = connection;
  }

  /** Whether the operator lets this bucket be read. */
  has(bucket: string): boolean {
    return this.names.includes(bucket);
  }

  /** The object of this key, if there is one. */
  async find(bucket: string, key: string, signal?: AbortSignal): Promise<BucketObject | undefined> {
    const { client, endpoint } = this.#connection;
    try {
      const { size, etag, metaData } = await withRetry(() => client.statObject(bucket, key), signal);
      // The ETag of an object that came in one piece is its MD5, unless the server encrypts it with a key of its own.
      const plain = (metaData as Record<string, unknown>)['x-amz-server-side-encryption'] !== 'aws:kms';
      const digest = plain && /^[0-9a-f]{32}$/.test(etag) ? { algorithm: 'md5' as const, hex: etag } : undefined;
      return { bucket, key, size, etag, ...(digest ? { digest } : {}) };
    } catch (error) {
      signal?.throwIfAborted();
      if (isMissing(error)) return undefined;
      throw storeFailure(error, `read ${bucket}/${key}`, endpoint);
    }
  }

  /** Every object whose key begins so. */
  async list(bucket: string, prefix: string): Promise<BucketObject[]> {
    const { client, endpoint } = this.#connection;
    try {
      return await withRetry(async () => {
        const found: BucketObject[] = [];
        for await (const item of client.listObjectsV2(bucket, prefix, true)) {
          const { name, size, etag } = item as { name?: string; size: number; etag: string };
          if (name !== undefined && !name.endsWith('/')) found.push({ bucket, key: name, size, etag });
        }
        return found;
      });
    } catch (error) {
      throw storeFailure(error, `list ${bucket}/${prefix}`, endpoint);
    }
  }

  /**
   * The bytes of an object from an offset on.
   *
   * @throws Failure DATASET_CHANGED when the object is no longer the one that was found
   */
  async open({ bucket, key, etag }: BucketObject, offset: number, signal: AbortSignal): Promise<AsyncIterable<Buffer>> {
    const { client, endpoint } = this.#connection;
    try {
      const stream = await client.getPartialObject(bucket, key, offset);
      const found = (stream as { headers?: Record<string, unknown> }).headers?.['etag'];
      if (typeof found === 'string' && found.replaceAll('"', '') !== etag) {
        stream.destroy();
        throw changed(`${bucket}/${key}`);
      }
      const abort = (): void => void stream.destroy(signal.reason as Error);
      signal.addEventListener('abort', abort, { once: true });
      stream.once('close', () => signal.removeEventListener('abort', abort));
      return stream as AsyncIterable<Buffer>;
    } catch (error) {
      signal.throwIfAborted();
      // A connection that broke is made again by the caller, who knows how much is there.
      if (isTransient(error)) throw error;
      throw storeFailure(error, `read ${bucket}/${key}`, endpoint);
    }
  }
}

/** Buckets of the same server, read with the same keys. */
export function connectBuckets(options: Omit<StoreOptions, 'bucket'>, names: readonly string[]): DataBuckets {
  return new DataBuckets(connect({ ...options, bucket: '' }), names);
}

function changed(name: string): Failure {
  return new Failure('DATASET_CHANGED', `${name} was replaced while it was being fetched.`, {
    remedy: 'Let the program that writes it finish; the run reads it again by itself.',
    file: name,
  });
}
