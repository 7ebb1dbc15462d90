import { ArtifactStore } from '@anneal/artifacts';
import { Failure, TrainingStarted, type ArtifactRef, type TrainingPlan } from '@anneal/contracts';
import { axolotlConfig, engineHas, renderYaml, type LocatedModel } from '@anneal/engine';
import { Outbox, type ClaimedJob, type WorkContext } from '@anneal/jobs';
import { estimateTraining, refusalOf, resolvePlan, type Hosts } from '@anneal/planning';
import { BaseModels, CONFIG } from '@anneal/service';
import { Inject, Injectable } from '@nestjs/common';
import { TRAINING_HOST, type TrainingHost } from '../host/training.host.js';
import { chatForm } from '../axolotl/chat-template.js';
import { dataFormOf, isPlainText } from '../training/data.form.js';
import { pathsFor } from '../training/run.folder.js';
import type { TrainInput } from '../train.input.js';
import type { TrainerConfig } from '../trainer.config.js';
import { shapeOf } from './model.shape.js';
import { MemoryTable } from './memory.table.js';
import { RunFolder } from '../training/run.folder.js';
import { locatePlannedModel } from './planned.model.js';
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
    private readonly memory: MemoryTable,
    private readonly store: ArtifactStore,
    private readonly outbox: Outbox,
    @Inject(TRAINING_HOST) private readonly host: TrainingHost,
  ) {}

  /** The plan of the run: the one that was announced, or a new one, which is announced with it. */
  async settle(job: ClaimedJob<TrainInput>, context: WorkContext): Promise<SettledTraining> {
    const known = await this.table.find(job.runId);
    if (known) return known;
    const { runId } = job;
    const folder = this.folderOf(job);
    const settled = await this.makeSomewhere(job.input, folder, context.signal);
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
    const model = await locatePlannedModel(this.models, job.input, settled.base, this.folderOf(job), signal);
    const smaller = { ...settled, plan, planArtifact: await this.storePlan(job.input, plan, model, signal) };
    await commit((tx) => this.table.replace(tx, job.runId, smaller));
    return smaller;
  }

  /** For the first layout of the host, and for another one only where it cannot be done on that. */
  private async makeSomewhere(input: TrainInput, folder: RunFolder, signal: AbortSignal): Promise<SettledTraining> {
    const [here, ...others] = await this.host.layouts();
    try {
      return await this.make(input, here, folder, signal);
    } catch (refused) {
      for (const elsewhere of isOfTheHost(refused) ? others : []) {
        const made = await this.make(input, elsewhere, folder, signal).catch((error: unknown) => {
          if (isOfTheHost(error)) return undefined;
          throw error;
        });
        if (made) return made;
      }
      throw refused;
    }
  }

  private async make(
    input: TrainInput,
    hosts: Hosts,
    folder: RunFolder,
    signal: AbortSignal,
  ): Promise<SettledTraining> {
    const { spec, dataset } = input;
    const { training } = spec;
    const located = await this.models.locate(spec.model, folder.path, signal);
    const { base, maxPositions, config } = located;
    const model = shapeOf(config, base);
    // Peaks are measured on GPUs only.
    const onGpu = hosts.gpus > 0 && training.gpus !== 0;
    const measured = model && onGpu ? await this.memory.ratios(model, training) : undefined;
    const { plan, load } = resolvePlan({
      training,
      rows: dataset.report?.tokens?.sequences ?? dataset.rows.train,
      isCut: isPlainText(dataset),
      characters: dataset.characters,
      maxPositions: maxPositions ?? assumedPositions,
      hosts,
      cpuProcesses: this.config.CPU_PROCESSES,
      model,
      correction: (strategy) => measured?.get(strategy),
    });
    if (model && load && !training.force) {
      const amount = { steps: plan.steps, tokens: undefined };
      const { reference } = base;
      const correction = measured?.get(load.strategy);
      const refusal = refusalOf(estimateTraining({ reference, model, load, hosts, amount, correction }));
      if (refusal) throw refusal;
    }
    await this.requireEngine(plan);
    return { plan, base, planArtifact: await this.storePlan(input, plan, located, signal) };
  }

  private folderOf({ runId }: ClaimedJob<TrainInput>): RunFolder {
    return new RunFolder(this.config.WORK_DIR, runId);
  }

  private async requireEngine({ strategy }: TrainingPlan): Promise<void> {
    if (strategy !== 'deepspeed' || (await engineHas({ python: this.config.ENGINE_PYTHON }, 'deepspeed'))) return;
    throw new Failure('SPEC_UNSUPPORTED', 'DeepSpeed is not installed in the engine of this host.', {
      remedy: 'Set training.strategy to fsdp, which shares the same, or install deepspeed beside Axolotl.',
      field: 'training.strategy',
    });
  }

  private async storePlan(
    input: TrainInput,
    plan: TrainingPlan,
    { base, directory, config }: LocatedModel,
    signal: AbortSignal,
  ): Promise<ArtifactRef> {
    const form = await dataFormOf(input, this.store);
    const { prompt } = form;
    const family = shapeOf(config, base)?.family;
    const chat = prompt === 'chat' ? await chatForm(directory, base.reference, family) : { endOfTurn: [] };
    const yaml = renderYaml(axolotlConfig({ plan, prompt, paths: pathsFor(form, input.dataset.artifact), ...chat }));
    const files = [
      { path: 'axolotl.yaml', source: Buffer.from(yaml) },
      { path: 'plan.json', source: Buffer.from(`${JSON.stringify(plan, null, 2)}\n`) },
    ];
    return this.store.putFiles('plan', files, { signal });
  }
}

/** Whether a training was refused for what this host has, so that another one may do it. */
function isOfTheHost(error: unknown): error is Failure {
  return (
    error instanceof Failure &&
    (error.code === 'DOES_NOT_FIT' || (error.code === 'SPEC_UNSUPPORTED' && error.field !== 'training.axolotl'))
  );
}
