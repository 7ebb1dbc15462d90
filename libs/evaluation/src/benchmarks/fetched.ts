import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArtifactStore } from '@anneal/artifacts';
import { fetchHubDataset, type Reach } from '@anneal/datasets';
import type { BenchmarkContext } from './benchmark.js';

/** Test and validation, as the Hub has them in a folder `data`; training files would only take time. */
const wantedFiles = ['{test,validation}*', 'data/{test,validation}*'];

/** Brings benchmarks of the Hub here, each into a new folder below one that is there. */
export function fromHub(parent: string, reach: Reach): NonNullable<BenchmarkContext['fetchDataset']> {
  return async (repository, revision, signal) => {
    const directory = await mkdtemp(join(parent, 'hub-'));
    const { commit } = await fetchHubDataset({
      ...{ repository, revision, files: wantedFiles, directory, signal, reach },
      field: 'evaluation.benchmarks',
    });
    return { directory, commit };
  };
}

/** Brings benchmarks that are stored as artifacts here, each into a new folder below one that is there. */
export function fromStore(parent: string, store: ArtifactStore): NonNullable<BenchmarkContext['fetchArtifact']> {
  return async (digest, signal) => {
    const directory = await mkdtemp(join(parent, 'artifact-'));
    await store.getDirectory(await store.refOf(digest), directory, { signal });
    return directory;
  };
}
