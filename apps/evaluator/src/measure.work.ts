import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ArtifactCache } from '@anneal/artifacts';
import { Failure } from '@anneal/contracts';
import { DeviceQueue } from '@anneal/devices';
import { demandModelFolder, pinBaseModel } from '@anneal/engine';
import {
  batchesOf,
  batchName,
  fittedTo,
  hasShots,
  INFERENCE,
  outcomeOf,
  questionsOf,
  readablePrompt,
  unanswered,
  type Inference,
  type LoadedBenchmark,
  type Question,
  type Reply,
} from '@anneal/evaluation';
import { JobQueue, type ClaimedJob, type Completion, type WorkContext } from '@anneal/jobs';
import { ProgressPublisher } from '@anneal/messaging';
import { CONFIG, type StageWork } from '@anneal/service';
import { Inject, Injectable } from '@nestjs/common';
import { AnswerTable, type AnswerRow, type Subject } from './answers/answer.table.js';
import { EvaluationTable, type MeasurementSettings } from './answers/evaluation.table.js';
import { BaseModels } from './base.model.js';
import { BenchmarkLoader } from './benchmark.loader.js';
import type { EvaluatorConfig } from './evaluator.config.js';
import { toEvaluatorFailure } from './evaluator.failure.js';
import type { MeasureInput } from './measure.input.js';
import { askedAs } from './measurement/asked-as.js';
import { MeasurementProgress } from './measurement/measurement.progress.js';

/** The model to be asked: its folder, and what tells it from every other one. */
interface AskedModel {
  readonly directory: string;
  readonly identity:
    | { readonly reference: string; readonly revision: string }
    | { readonly artifact: string; readonly revision?: undefined };
}

/** What is asked, of whom, and with what. */
interface Measured {
  readonly benchmarks: LoadedBenchmark[];
  readonly model: AskedModel;
  readonly folder: string;
  readonly versions: Readonly<Record<string, string>>;
}

type Job = ClaimedJob<MeasureInput>;

/** A benchmark with more failures than this share says too little about the model, and something about the server. */
const mostFailed = 0.05;

/** Asks one of the two models every question of a run. Base and tuned go through the same code with the same settings. */
@Injectable()
export class MeasureWork implements StageWork<MeasureInput> {
  constructor(
    @Inject(CONFIG) private readonly config: EvaluatorConfig,
    @Inject(INFERENCE) private readonly inference: Inference,
    private readonly cache: ArtifactCache,
    private readonly models: BaseModels,
    private readonly benchmarks: BenchmarkLoader,
    private readonly answers: AnswerTable,
    private readonly evaluations: EvaluationTable,
    private readonly jobs: JobQueue,
    private readonly progress: ProgressPublisher,
    private readonly devices: DeviceQueue,
  ) {}

  async run(job: Job, context: WorkContext): Promise<Completion> {
    const { runId, input } = job;
    const { subject } = input;
    const loaded = await this.load(input, context.signal);
    const model = await this.modelOf(input, context.signal);
    await demandModelFolder(model.directory);
    const benchmarks = await this.fitted(loaded, input, model, context.signal);
    const versions = await this.inference.versions(context.signal);
    const folder = join(this.config.WORK_DIR, 'evaluator', runId, subject);
    try {
      await this.ask(job, context, { benchmarks, model, folder, versions });
    } catch (error) {
      if (context.signal.reason === 'cancelled') await rm(folder, { recursive: true, force: true });
      throw error;
    } finally {
      await this.devices.leave(job, context.signal);
    }
    await this.refuseUnanswered(runId, subject, benchmarks);
    await rm(folder, { recursive: true, force: true });
    const how: MeasurementSettings = {
      ...model.identity,
      inference: this.inference.settings,
      versions,
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

  private async modelOf(input: MeasureInput, signal: AbortSignal): Promise<AskedModel> {
    if (input.subject === 'base') {
      const { directory, base } = await this.models.locate(input.spec.model, signal);
      return { directory, identity: { reference: base.reference, revision: base.revision } };
    }
    const { artifact } = input.merged.merge;
    return { directory: await this.cache.materialise(artifact, signal), identity: { artifact: artifact.digest } };
  }

  /**
   * The base decides for both how many examples come before a question: the two get the same prompts, whatever the
   * training wrote into the tokenizer of the tuned one.
   */
  private async fitted(
    benchmarks: LoadedBenchmark[],
    input: MeasureInput,
    model: AskedModel,
    signal: AbortSignal,
  ): Promise<LoadedBenchmark[]> {
    if (!benchmarks.some(hasShots)) return benchmarks;
    if (input.subject === 'base') return fittedTo(model.directory, benchmarks, signal);
    const { spec, training } = input.merged;
    const { directory } = await this.models.locate(pinBaseModel(spec.model, training.base), signal);
    return fittedTo(directory, benchmarks, signal);
  }

  private async ask(job: Job, context: WorkContext, { benchmarks, model, folder, versions }: Measured): Promise<void> {
    const { subject } = job.input;
    const questions = questionsOf(benchmarks);
    let open = unanswered(questions, await this.answers.digests(job.runId), subject);
    // Only the base may have been asked before: every tuned model is another one.
    const { revision } = model.identity;
    const asked =
      revision === undefined
        ? null
        : await askedAs({ ...model, revision }, { settings: this.inference.settings, versions });
    if (asked !== null) open = await this.takeOver(job, context, asked, open);
    const openKeys = new Set(open.map(({ key }) => key));
    const gpu = open.length === 0 ? undefined : await this.takeDevice(job, context);
    const progress = new MeasurementProgress(this.progress, job, questions.length, questions.length - open.length);
    progress.start();
    for (const batch of batchesOf(questions)) {
      const prompts = batch.filter(({ key }) => openKeys.has(key)).map(({ key, prompt }) => ({ id: key, prompt }));
      const [first] = batch;
      if (prompts.length === 0 || !first) continue;
      const byKey = new Map(batch.map((question) => [question.key, question]));
      const { answerTokens, stop } = first.benchmark;
      const request = {
        model: model.directory,
        prompts,
        answerTokens,
        stop,
        // Named by all questions, not by the open ones: the next attempt has to find what this one leaves behind.
        gpu,
        directory: join(folder, batchName(JSON.stringify(model.identity), batch)),
        job: { id: job.id, attempt: job.attempt, token: job.token },
        signal: context.signal,
      };
      await this.inference.ask(request, async (reply) => {
        const question = byKey.get(reply.id);
        if (!question) return;
        await context.commit((tx) => this.answers.insert(tx, rowOf(job, question, reply, asked)));
        progress.step();
      });
    }
  }

  /**
   * Waits in line for what the questions are asked on, if that is here.
   *
   * @returns index of the GPU, if it is one
   */
  private async takeDevice(job: Job, context: WorkContext): Promise<number | undefined> {
    const { uses } = this.inference;
    if (uses === undefined) return undefined;
    const { spec } = job.input.subject === 'base' ? job.input : job.input.merged;
    const { priority } = spec.training;
    const [index] = await this.devices.take(job, { device: uses, wanted: 1, priority }, context);
    return uses === 'gpu' ? index : undefined;
  }

  /**
   * Answers what an earlier run has asked the same model in the same way; the answers are scored anew.
   *
   * @returns what is still to be asked
   */
  private async takeOver(
    job: Job,
    context: WorkContext,
    asked: string,
    open: readonly Question[],
  ): Promise<Question[]> {
    const known = await this.answers.known(
      asked,
      open.map(({ digest }) => digest),
    );
    const byDigest = new Map(known.map((answer) => [answer.promptDigest, answer]));
    const rows = open.flatMap((question) => {
      const answer = byDigest.get(question.digest);
      return answer ? [rowOf(job, question, answer, asked)] : [];
    });
    if (rows.length > 0) {
      await context.commit(async (tx) => {
        for (const row of rows) await this.answers.insert(tx, row);
      });
    }
    return open.filter(({ digest }) => !byDigest.has(digest));
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

/** A reply as it is kept. */
function rowOf(job: Job, question: Question, reply: Omit<Reply, 'id'>, asked: string | null): AnswerRow {
  const { benchmark, expected } = question;
  const { finish, text } = reply;
  const found = finish === 'failed' || finish === 'too_long' ? undefined : benchmark.read?.(text);
  return {
    runId: job.runId,
    subject: job.input.subject,
    benchmark: benchmark.label,
    itemId: question.itemId,
    position: question.position,
    promptDigest: question.digest,
    prompt: readablePrompt(question.prompt),
    expected,
    text,
    finish,
    outcome: outcomeOf(reply, question),
    tokens: reply.tokens,
    seconds: reply.seconds,
    problem: reply.problem ?? null,
    letter: found?.letter ?? null,
    step: found?.step ?? null,
    askedAs: asked,
  };
}
