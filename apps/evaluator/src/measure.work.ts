import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ArtifactCache } from '@anneal/artifacts';
import { Failure } from '@anneal/contracts';
import { DeviceQueue } from '@anneal/devices';
import { demandModelFolder, pinBaseModel } from '@anneal/engine';
import { chatFormOf, fittedTo, hasShots, INFERENCE, type Inference, type LoadedBenchmark } from '@anneal/evaluation';
import { JobQueue, type ClaimedJob, type Completion, type WorkContext } from '@anneal/jobs';
import { BaseModels, CONFIG, type StageWork } from '@anneal/service';
import { Inject, Injectable } from '@nestjs/common';
import { AnswerTable, type Subject } from './answers/answer.table.js';
import { EvaluationTable, type MeasurementSettings } from './answers/evaluation.table.js';
import { BenchmarkLoader } from './benchmark.loader.js';
import type { EvaluatorConfig } from './evaluator.config.js';
import { toEvaluatorFailure } from './evaluator.failure.js';
import type { MeasureInput } from './measure.input.js';
import { Asking, type AskedModel } from './measurement/asking.js';
import { HarnessTasks, type AskingSettings } from './measurement/harness.tasks.js';

type Job = ClaimedJob<MeasureInput>;

/** A benchmark with more failures than this share says too little about the model, and something about the server. */
const mostFailed = 0.05;
/** Of each of the two models. */
const heldInCluster = 4;

/** Asks one of the two models every question of a run. Base and tuned go through the same code with the same settings. */
@Injectable()
export class MeasureWork implements StageWork<MeasureInput> {
  constructor(
    @Inject(CONFIG) private readonly config: EvaluatorConfig,
    @Inject(INFERENCE) private readonly inference: Inference,
    private readonly tasks: HarnessTasks,
    private readonly asking: Asking,
    private readonly cache: ArtifactCache,
    private readonly models: BaseModels,
    private readonly benchmarks: BenchmarkLoader,
    private readonly answers: AnswerTable,
    private readonly evaluations: EvaluationTable,
    private readonly jobs: JobQueue,
    private readonly devices: DeviceQueue,
  ) {}

  /** Each has its model at hand; what waits in the cluster costs nothing else. */
  get concurrency(): number {
    return this.config.EVALUATION_HOST === 'local' ? 1 : heldInCluster;
  }

  async run(job: Job, context: WorkContext): Promise<Completion> {
    const { runId, input } = job;
    const { subject } = input;
    const folder = join(this.config.WORK_DIR, 'evaluator', runId, subject);
    const loaded = await this.load(input, context.signal);
    const model = await this.modelOf(input, folder, context.signal);
    await demandModelFolder(model.directory);
    const benchmarks = await this.fitted(loaded, input, model, folder, context.signal);
    const tasks = await this.settingsOfTasks(benchmarks);
    const own = { settings: this.inference.settings, versions: await this.inference.versions(context.signal) };
    try {
      await this.asking.ask(job, context, { benchmarks, model, folder, how: own, tasks });
    } catch (error) {
      if (context.signal.reason === 'cancelled') await rm(folder, { recursive: true, force: true });
      throw error;
    } finally {
      await this.devices.leave(job, context.signal);
    }
    await this.refuseUnanswered(runId, subject, benchmarks);
    await rm(folder, { recursive: true, force: true });
    const chat = await chatFormOf(model.directory);
    const how: MeasurementSettings = {
      ...model.identity,
      ...(chat ? { chat } : {}),
      inference: own.settings,
      versions: own.versions,
      ...(tasks.size > 0 ? { tasks: Object.fromEntries(tasks) } : {}),
      benchmarks: Object.fromEntries(benchmarks.map(({ label, settings }) => [label, settings])),
    };
    const merged = input.subject === 'tuned' ? { data: input.merged, event: job.causationId } : undefined;
    return async (tx) => {
      const ready = await this.evaluations.markMeasured(tx, job, subject, how, merged);
      if (!ready) return;
      const causation = ready.causationId === undefined ? {} : { causationId: ready.causationId };
      const { merged: input, turn } = ready;
      await this.jobs.add(tx, { runId, kind: 'judge', input, turn, project: job.project, ...causation });
    };
  }

  toFailure(error: unknown): Failure {
    return toEvaluatorFailure(error);
  }

  private async load(input: MeasureInput, signal: AbortSignal): Promise<LoadedBenchmark[]> {
    const { spec, dataset } = input.subject === 'base' ? input : input.merged;
    return this.benchmarks.load(spec, dataset, signal);
  }

  private async modelOf(input: MeasureInput, folder: string, signal: AbortSignal): Promise<AskedModel> {
    if (input.subject === 'base') {
      const { directory, base } = await this.models.locate(input.spec.model, folder, signal);
      return { directory, identity: { reference: base.reference, revision: base.revision } };
    }
    const { artifact } = input.merged.merge;
    const directory = await this.cache.place(artifact, join(folder, 'model'), signal);
    return { directory, identity: { artifact: artifact.digest } };
  }

  /**
   * The base decides for both how many examples come before a question: the two get the same prompts, whatever the
   * training wrote into the tokenizer of the tuned one.
   */
  private async fitted(
    benchmarks: LoadedBenchmark[],
    input: MeasureInput,
    model: AskedModel,
    folder: string,
    signal: AbortSignal,
  ): Promise<LoadedBenchmark[]> {
    if (!benchmarks.some(hasShots)) return benchmarks;
    if (input.subject === 'base') return fittedTo(model.directory, benchmarks, signal);
    const { spec, training } = input.merged;
    const { directory } = await this.models.locate(pinBaseModel(spec.model, training.base), folder, signal);
    return fittedTo(directory, benchmarks, signal);
  }

  private async settingsOfTasks(benchmarks: readonly LoadedBenchmark[]): Promise<Map<string, AskingSettings>> {
    const tasks = new Map<string, AskingSettings>();
    for (const benchmark of benchmarks) {
      const settings = await this.tasks.settings(benchmark);
      if (settings) tasks.set(benchmark.label, settings);
    }
    return tasks;
  }

  /**
   * A benchmark of which no prompt fits into the model says nothing; its zeros would look like a result. One with many
   * failures is asked for those once more, in the next attempt.
   */
  private async refuseUnanswered(
    runId: string,
    subject: Subject,
    benchmarks: readonly LoadedBenchmark[],
  ): Promise<void> {
    for (const { benchmark, answers, tooLong, failed, problem } of await this.answers.counts(runId, subject)) {
      if (failed > answers * mostFailed) {
        throw new Failure(
          'INFERENCE_UNAVAILABLE',
          `${failed} of ${answers} questions of ${benchmark} could not be asked. ${problem ?? ''}`.trimEnd(),
          { remedy: 'They are asked again; look at the log of the inference server if it stays.' },
        );
      }
      if (tooLong < answers) continue;
      const index = benchmarks.findIndex(({ label }) => label === benchmark);
      throw new Failure('BENCHMARK_INVALID', `No prompt of ${benchmark} fits into the model beside an answer.`, {
        remedy: 'Lower answerTokens, shorten the prompts, or take a model with a longer context.',
        field: `evaluation.benchmarks.${index}.answerTokens`,
      });
    }
  }
}
