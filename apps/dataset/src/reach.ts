import { join } from 'node:path';
import { connectBuckets, type ArtifactStore } from '@anneal/artifacts';
import { SourceCache, type Reach } from '@anneal/datasets';
import { configuredHarness, type InstalledHarness } from '@anneal/evaluation';
import { findFetchedModel } from '@anneal/engine';
import { isOffline } from '@anneal/service';
import type { DatasetConfig } from './dataset.config.js';

const GiB = 1024 ** 3;

/** What this service may read, as its environment says. */
export function reachOf(config: DatasetConfig, store: ArtifactStore): Reach {
  const { HF_ENDPOINT: endpoint, HF_TOKEN: token } = config;
  const server = {
    endpoint: config.S3_ENDPOINT,
    accessKey: config.S3_ACCESS_KEY,
    secretKey: config.S3_SECRET_KEY,
    region: config.S3_REGION,
  };
  return {
    fileRoots: config.FILE_ROOTS,
    hub: { endpoint, token },
    store,
    buckets: connectBuckets(server, config.DATA_BUCKETS),
    cache: new SourceCache(join(config.WORK_DIR, 'sources'), config.SOURCE_CACHE_GIB * GiB),
    httpsTargets: config.HTTPS_TARGETS,
    maxBytes: config.SOURCE_MAX_GIB * GiB,
    offline: isOffline(config),
    fetchedModel: async (id, revision) => (await findFetchedModel(config.WORK_DIR, id, revision))?.directory,
    // Read at the moment of its use: a token lives in the environment and nowhere else.
    secret: (variable) => process.env[variable],
  };
}

/** lm-eval as this service has it, to see what its tasks ask. */
export function harnessOf(config: DatasetConfig): InstalledHarness | undefined {
  const { ENGINE_PYTHON: python, HF_ENDPOINT: endpoint, HF_TOKEN: token } = config;
  const offline = isOffline(config);
  return configuredHarness(config, { python, hub: offline ? undefined : { endpoint, token }, threads: 1 });
}
