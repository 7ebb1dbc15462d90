import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ArtifactCache, ArtifactStore } from '@anneal/artifacts';
import type { AcceptedRunSpec, PreparedDataset } from '@anneal/contracts';
import { SourceCache, type Reach } from '@anneal/datasets';
import { fromHub, loadBenchmarks, type LoadedBenchmark } from '@anneal/evaluation';
import { CONFIG, isOffline } from '@anneal/service';
import { Inject, Injectable } from '@nestjs/common';
import type { EvaluatorConfig } from './evaluator.config.js';
import { harnessOf } from './inference/harness.js';

const GiB = 1024 ** 3;

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
    // Of the run, so that what a killed service leaves goes with the rest of it.
    const parent = join(WORK_DIR, 'evaluator', spec.id);
    await mkdir(parent, { recursive: true });
    // A folder of its own each time: two runs may load the same benchmark in two revisions. What was fetched is in the cache.
    const fetched = await mkdtemp(join(parent, 'benchmarks-'));
    try {
      return await loadBenchmarks(spec, {
        fileRoots,
        dataset: dataset && (await this.cache.place(dataset.artifact, join(fetched, 'dataset'), signal)),
        fetchArtifact: async (digest) =>
          this.cache.place(await this.store.refOf(digest), join(fetched, digest), signal),
        fetchDataset: fromHub(fetched, this.reach),
        harness: harnessOf(this.config),
        signal,
      });
    } finally {
      await rm(fetched, { recursive: true, force: true });
    }
  }

  private get reach(): Reach {
    const { FILE_ROOTS: fileRoots, HF_ENDPOINT: endpoint, HF_TOKEN: token, WORK_DIR } = this.config;
    // The cache of the dataset service, where the two have the same WORK_DIR.
    const cache = new SourceCache(join(WORK_DIR, 'sources'), this.config.SOURCE_CACHE_GIB * GiB);
    return { fileRoots, hub: { endpoint, token }, cache, offline: isOffline(this.config) };
  }
}
