import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ArtifactCache, ArtifactStore } from '@anneal/artifacts';
import type { AcceptedRunSpec, PreparedDataset } from '@anneal/contracts';
import { fetchHubDataset, SourceCache } from '@anneal/datasets';
import { loadBenchmarks, type LoadedBenchmark } from '@anneal/evaluation';
import { CONFIG } from '@anneal/service';
import { Inject, Injectable } from '@nestjs/common';
import type { EvaluatorConfig } from './evaluator.config.js';

const GiB = 1024 ** 3;
/** Test and validation, as the Hub has them in a folder `data`; training files would only take time. */
const wantedFiles = ['{test,validation}*', 'data/{test,validation}*'];

/** Brings the questions of a run here, wherever its RunSpec has them from. */
@Injectable()
export class BenchmarkLoader {
  constructor(
    @Inject(CONFIG) private readonly config: EvaluatorConfig,
    private readonly store: ArtifactStore,
    private readonly cache: ArtifactCache,
  ) {}

  async load(
    spec: AcceptedRunSpec,
    dataset: PreparedDataset | undefined,
    signal: AbortSignal,
  ): Promise<LoadedBenchmark[]> {
    const { FILE_ROOTS: fileRoots, WORK_DIR } = this.config;
    const parent = join(WORK_DIR, 'evaluator');
    await mkdir(parent, { recursive: true });
    // A folder of its own each time: two runs may load the same benchmark in two revisions. What was fetched is in the cache.
    const fetched = await mkdtemp(join(parent, 'benchmarks-'));
    try {
      return await loadBenchmarks(spec, {
        fileRoots,
        dataset: dataset && (await this.cache.materialise(dataset.artifact, signal)),
        fetchArtifact: async (digest) => this.cache.materialise(await this.store.refOf(digest), signal),
        fetchDataset: (repository, revision) => this.fromHub(repository, revision, { parent: fetched, signal }),
        signal,
      });
    } finally {
      await rm(fetched, { recursive: true, force: true });
    }
  }

  private async fromHub(
    repository: string,
    revision: string,
    { parent, signal }: { parent: string; signal: AbortSignal },
  ): Promise<string> {
    const { FILE_ROOTS: fileRoots, HF_ENDPOINT: endpoint, HF_TOKEN: token, WORK_DIR } = this.config;
    const directory = await mkdtemp(join(parent, 'hub-'));
    // The cache of the dataset service, where the two have the same WORK_DIR.
    const cache = new SourceCache(join(WORK_DIR, 'sources'), this.config.SOURCE_CACHE_GIB * GiB);
    const offline = this.config.OFFLINE || this.config.HF_HUB_OFFLINE;
    const reach = { fileRoots, hub: { endpoint, token }, cache, offline };
    await fetchHubDataset({
      ...{ repository, revision, files: wantedFiles, directory, signal, reach },
      field: 'evaluation.benchmarks',
    });
    return directory;
  }
}
