import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ArtifactCache, ArtifactStore } from '@anneal/artifacts';
import { ModelMerged, type ArtifactRef, type Failure, type MergedModel } from '@anneal/contracts';
import { Outbox, type ClaimedJob, type Completion, type WorkContext } from '@anneal/jobs';
import { ProgressPublisher } from '@anneal/messaging';
import { CONFIG, type StageWork } from '@anneal/service';
import { Inject, Injectable } from '@nestjs/common';
import { MERGE_HOST, type LoraMerged, type MergeHost } from './lora/merge.host.js';
import type { MergeInput } from './merge.input.js';
import type { MergerConfig } from './merger.config.js';
import { toMergerFailure } from './merger.failure.js';

/** A full fine-tune is a whole model already: nothing was merged, so nothing can differ. */
const nothingMerged: MergedModel['parity'] = {
  targets: 0,
  untouched: 0,
  largestWeightDifference: 0,
  largestLogitDifference: 0,
  sameNextToken: true,
};

/** Makes one model of adapter and base, proves that they agree, and stores it. */
@Injectable()
export class MergeModelWork implements StageWork<MergeInput> {
  constructor(
    @Inject(CONFIG) private readonly config: MergerConfig,
    private readonly store: ArtifactStore,
    private readonly cache: ArtifactCache,
    @Inject(MERGE_HOST) private readonly host: MergeHost,
    private readonly outbox: Outbox,
    private readonly progress: ProgressPublisher,
  ) {}

  get concurrency(): number {
    return this.host.merges;
  }

  async run(job: ClaimedJob<MergeInput>, context: WorkContext): Promise<Completion> {
    const { runId, input } = job;
    const { signal } = context;
    const started = performance.now();
    const tell = (phase: string): void =>
      this.progress.publish({ runId, stage: 'merger', at: new Date().toISOString(), attempt: job.attempt, phase });
    const folder = join(this.config.WORK_DIR, 'merger', runId);
    let merged: LoraMerged;
    try {
      if (input.training.plan.method === 'full') merged = await this.pass(input.training.artifact, tell, signal);
      else merged = await this.host.merge(job, { folder, tell, context });
    } finally {
      await this.host.leave(job, signal);
      await rm(folder, { recursive: true, force: true });
    }
    const merge = { ...merged, seconds: (performance.now() - started) / 1000 };
    return async (tx) => {
      await this.outbox.add(tx, ModelMerged, { ...input, merge }, job);
    };
  }

  toFailure(error: unknown): Failure {
    return toMergerFailure(error);
  }

  private async pass(weights: ArtifactRef, tell: (phase: string) => void, signal: AbortSignal): Promise<LoraMerged> {
    const artifact = await this.cache.use(weights, signal, (directory) => {
      tell('storing');
      return this.store.putDirectory('model', directory, { signal });
    });
    return { artifact, parity: nothingMerged };
  }
}
