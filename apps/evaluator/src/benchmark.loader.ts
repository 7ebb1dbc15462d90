import { ArtifactCache, ArtifactStore } from '@anneal/artifacts';
import type { AcceptedRunSpec, PreparedDataset } from '@anneal/contracts';
import { loadBenchmarks, type LoadedBenchmark } from '@anneal/evaluation';
import { CONFIG } from '@anneal/service';
import { Inject, Injectable } from '@nestjs/common';
import type { EvaluatorConfig } from './evaluator.config.js';

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
    return loadBenchmarks(spec, {
      fileRoots: this.config.FILE_ROOTS,
      dataset: dataset && (await this.cache.materialise(dataset.artifact, signal)),
      fetchArtifact: async (digest) => this.cache.materialise(await this.store.refOf(digest), signal),
      signal,
    });
  }
}
