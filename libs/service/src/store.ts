import { join } from 'node:path';
import { ArtifactCache, ArtifactStore, connectStore } from '@anneal/artifacts';
import type { Tracer } from '@anneal/tracing';
import type { Provider } from '@nestjs/common';
import { TRACER } from './tokens.js';

interface StoreConfig {
  S3_ENDPOINT: string;
  S3_ACCESS_KEY: string;
  S3_SECRET_KEY: string;
  S3_BUCKET: string;
  S3_REGION: string;
}

/**
 * The object store, ready to be used before the service takes its first event.
 *
 * @param partBytes of a large file that is sent in parts, four of which are in memory at once
 * @param publicEndpoint by which those know the store who are given links to it
 */
export function storeProvider(
  config: StoreConfig,
  { partBytes, publicEndpoint }: { partBytes?: number; publicEndpoint?: string | undefined } = {},
): Provider {
  return {
    provide: ArtifactStore,
    inject: [TRACER],
    useFactory: async (tracer: Tracer) => {
      const options = {
        endpoint: config.S3_ENDPOINT,
        accessKey: config.S3_ACCESS_KEY,
        secretKey: config.S3_SECRET_KEY,
        bucket: config.S3_BUCKET,
        region: config.S3_REGION,
        publicEndpoint,
        tracer,
      };
      const store = connectStore(options, partBytes === undefined ? {} : { partBytes });
      await store.ensureReady();
      return store;
    },
  };
}

const GiB = 1024 ** 3;

/** Local copies of artifacts; services on one host may share the folder. */
export function cacheProvider(config: { WORK_DIR: string; ARTIFACT_CACHE_GIB: number }): Provider {
  return {
    provide: ArtifactCache,
    inject: [ArtifactStore],
    useFactory: (store: ArtifactStore) =>
      new ArtifactCache(store, join(config.WORK_DIR, 'artifacts'), config.ARTIFACT_CACHE_GIB * GiB),
  };
}
