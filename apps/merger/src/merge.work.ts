import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ArtifactCache, ArtifactStore } from '@anneal/artifacts';
import { ModelMerged, type ArtifactRef, type Failure, type MergedModel } from '@anneal/contracts';
import { DeviceQueue } from '@anneal/devices';
import { Outbox, type ClaimedJob, type Completion, type WorkContext } from '@anneal/jobs';
import { ProgressPublisher } from '@anneal/messaging';
import { CONFIG, type StageWork } from '@anneal/service';
import { Inject, Injectable } from '@nestjs/common';
import { LoraMerge } from './lora/lora.merge.js';
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
    private readonly lora: LoraMerge,
    private readonly outbox: Outbox,
    private readonly progress: ProgressPublisher,
    private readonly devices: DeviceQueue,
  ) {}

  async run(job: ClaimedJob<MergeInput>, context: WorkContext): Promise<Completion> {
    const { runId, input } = job;
    const { signal } = context;
    const started = performance.now();
    const tell = (phase: string): void =>
      this.progress.publish({ runId, stage: 'merger', at: new Date().toISOString(), attempt: job.attempt, phase });
    const folder = join(this.config.WORK_DIR, 'merger', runId);
    let artifact: ArtifactRef;
    let parity = nothingMerged;
    try {
      let directory: string;
      if (input.training.plan.method === 'full')
        directory = await this.cache.materialise(input.training.artifact, signal);
      else ({ directory, parity } = await this.lora.merge(job, { folder, tell, context }));
      tell('storing');
      artifact = await this.store.putDirectory('model', directory, { signal });
    } finally {
      await this.devices.leave(job, signal);
      await rm(folder, { recursive: true, force: true });
    }
    const merge = { artifact, parity, seconds: (performance.now() - started) / 1000 };
    return async (tx) => {
      await this.outbox.add(tx, ModelMerged, { ...input, merge }, job);
    };
  }

  toFailure(error: unknown): Failure {
    return toMergerFailure(error);
  }
}
