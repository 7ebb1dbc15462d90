import { ArtifactStore } from '@anneal/artifacts';
import { detectGpus } from '@anneal/compute';
import { TrainingStarted, type ArtifactRef, type TrainingPlan } from '@anneal/contracts';
import { pinBaseModel } from '@anneal/engine';
import { Outbox, type ClaimedJob, type WorkContext } from '@anneal/jobs';
import { CONFIG } from '@anneal/service';
import { Inject, Injectable } from '@nestjs/common';
import { axolotlConfig, renderYaml } from '../axolotl/axolotl.config.js';
import { endOfTurnTokens } from '../axolotl/chat-template.js';
import { pathsFor } from '../training/run.folder.js';
import type { TrainInput } from '../train.input.js';
import type { TrainerConfig } from '../trainer.config.js';
import { BaseModels } from './base.model.js';
import { resolvePlan } from './resolve.plan.js';
import { smallerPlan } from './smaller.plan.js';
import { TrainingTable, type SettledTraining } from './training.table.js';

/** For a model whose configuration does not say how many positions it knows. */
const assumedPositions = 2048;

/** Settles what a training will be, and says so once. */
@Injectable()
export class SettleTraining {
  constructor(
    @Inject(CONFIG) private readonly config: TrainerConfig,
    private readonly models: BaseModels,
    private readonly table: TrainingTable,
    private readonly store: ArtifactStore,
    private readonly outbox: Outbox,
  ) {}

  /** The plan of the run: the one that was announced, or a new one, which is announced with it. */
  async settle(job: ClaimedJob<TrainInput>, context: WorkContext): Promise<SettledTraining> {
    const known = await this.table.find(job.runId);
    if (known) return known;
    const settled = await this.make(job.input, context.signal);
    const { runId } = job;
    await context.commit(async (tx) => {
      // Another attempt may have been there before: what it announced counts, and is said once.
      if (!(await this.table.insert(tx, runId, settled))) return;
      await this.outbox.add(tx, TrainingStarted, { runId, spec: job.input.spec, ...settled }, job);
    });
    return (await this.table.find(runId)) ?? settled;
  }

  /**
   * Half the micro batch and twice the accumulation, which teaches the same, for a training whose GPU had too little memory.
   * Done once: should that not suffice, somebody has to decide what to give up.
   *
   * @returns undefined when there is no smaller plan
   */
  async shrink(
    job: ClaimedJob<TrainInput>,
    settled: SettledTraining,
    { commit, signal }: WorkContext,
  ): Promise<SettledTraining | undefined> {
    const plan = smallerPlan(settled.plan);
    if (plan === undefined) return undefined;
    const { directory } = await this.models.locate(pinBaseModel(job.input.spec.model, settled.base), signal);
    const smaller = { ...settled, plan, planArtifact: await this.storePlan(job.input, plan, directory, signal) };
    await commit((tx) => this.table.replace(tx, job.runId, smaller));
    return smaller;
  }

  private async make(input: TrainInput, signal: AbortSignal): Promise<SettledTraining> {
    const { spec, dataset } = input;
    const { base, directory, maxPositions } = await this.models.locate(spec.model, signal);
    const gpus = this.config.DEVICE === 'cpu' ? 0 : (await detectGpus()).length;
    const plan = resolvePlan({
      training: spec.training,
      rows: dataset.rows.train,
      longestRow: dataset.characters.longest,
      maxPositions: maxPositions ?? assumedPositions,
      gpus,
      cpuProcesses: this.config.CPU_PROCESSES,
    });
    return { plan, base, planArtifact: await this.storePlan(input, plan, directory, signal) };
  }

  private async storePlan(
    { spec, dataset }: TrainInput,
    plan: TrainingPlan,
    directory: string,
    signal: AbortSignal,
  ): Promise<ArtifactRef> {
    const { prompt } = spec.training;
    const endOfTurn = prompt === 'chat' ? await endOfTurnTokens(directory, spec.model.base) : [];
    const yaml = renderYaml(axolotlConfig({ plan, prompt, paths: pathsFor(prompt, dataset.artifact), endOfTurn }));
    const files = [
      { path: 'axolotl.yaml', source: Buffer.from(yaml) },
      { path: 'plan.json', source: Buffer.from(`${JSON.stringify(plan, null, 2)}\n`) },
    ];
    return this.store.putFiles('plan', files, { signal });
  }
}
