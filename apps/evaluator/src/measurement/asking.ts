import { join } from 'node:path';
import {
  batchesOf,
  batchName,
  INFERENCE,
  outcomeOf,
  questionsOf,
  readablePrompt,
  unanswered,
  type Inference,
  type LoadedBenchmark,
  type Outcome,
  type Question,
  type Reply,
} from '@anneal/evaluation';
import { DeviceQueue } from '@anneal/devices';
import type { ClaimedJob, WorkContext } from '@anneal/jobs';
import { ProgressPublisher } from '@anneal/messaging';
import { Inject, Injectable } from '@nestjs/common';
import { AnswerTable, type AnswerRow } from '../answers/answer.table.js';
import type { MeasureInput } from '../measure.input.js';
import { askedAs } from './asked-as.js';
import { HarnessTasks, type AskingSettings } from './harness.tasks.js';
import { MeasurementProgress } from './measurement.progress.js';

/** The model to be asked: its folder, and what tells it from every other one. */
export interface AskedModel {
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
  /** How answers come about: those that are asked for here, and, by label, those that lm-eval asks for. */
  readonly how: AskingSettings;
  readonly tasks: ReadonlyMap<string, AskingSettings>;
}

type Job = ClaimedJob<MeasureInput>;

/** What is left to be asked, and what asking it needs. */
interface Open extends Pick<Measured, 'model' | 'folder'> {
  readonly job: Job;
  readonly context: WorkContext;
  /** Index of the GPU that was given for it, if it is one. */
  readonly gpu: number | undefined;
  readonly progress: MeasurementProgress;
  /** Questions that are not answered yet. */
  readonly openKeys: ReadonlySet<string>;
  /** Names model and settings, for answers that other runs may take over. */
  readonly askedOf: (question: Question) => string | null;
}

/** What came of a question; whoever has scored it says the outcome, too. */
type KeptReply = Pick<Reply, 'text' | 'finish' | 'problem'> & {
  readonly tokens: number | null;
  readonly seconds: number | null;
  readonly outcome?: Outcome;
};

/** Puts the questions of a run to a model, and keeps the answers as they come. */
@Injectable()
export class Asking {
  constructor(
    @Inject(INFERENCE) private readonly inference: Inference,
    private readonly tasks: HarnessTasks,
    private readonly answers: AnswerTable,
    private readonly publisher: ProgressPublisher,
    private readonly devices: DeviceQueue,
  ) {}

  /** Asks what is not answered yet, and keeps each answer. */
  async ask(job: Job, context: WorkContext, { benchmarks, model, folder, how, tasks }: Measured): Promise<void> {
    const { subject } = job.input;
    const questions = questionsOf(benchmarks);
    let open = unanswered(questions, await this.answers.digests(job.runId), subject);
    // Only the base may have been asked before: every tuned model is another one.
    const { revision } = model.identity;
    const keyOf = async (settings: AskingSettings): Promise<string | null> =>
      revision === undefined ? null : askedAs({ ...model, revision }, settings);
    const ownKey = await keyOf(how);
    const keys = new Map<string, string | null>();
    for (const { label } of benchmarks) {
      const task = tasks.get(label);
      keys.set(label, task ? await keyOf(task) : ownKey);
    }
    const askedOf = ({ benchmark }: Question): string | null => keys.get(benchmark.label) ?? null;
    for (const key of new Set(keys.values())) {
      if (key !== null) open = await this.takeOver(job, context, key, { open, askedOf });
    }
    const openKeys = new Set(open.map(({ key }) => key));
    const gpu = await this.takeDevice(job, context, this.deviceFor(open));
    const progress = new MeasurementProgress(this.publisher, job, questions.length, questions.length - open.length);
    progress.start();
    const work = { ...{ job, context, model, folder, gpu, progress, openKeys, askedOf } };
    await this.askHere(
      questions.filter(({ benchmark }) => benchmark.task === undefined),
      work,
    );
    for (const benchmark of benchmarks) {
      const own = questions.filter((question) => question.benchmark === benchmark);
      if (benchmark.task !== undefined) await this.askByHarness(benchmark, own, work);
    }
  }

  private async askHere(
    questions: readonly Question[],
    { job, context, model, folder, gpu, progress, openKeys, askedOf }: Open,
  ): Promise<void> {
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
        gpu,
        // Named by all questions, not by the open ones: the next attempt has to find what this one leaves behind.
        directory: join(folder, batchName(JSON.stringify(model.identity), batch)),
        job: { id: job.id, attempt: job.attempt, token: job.token, runId: job.runId, turn: job.turn },
        onWaiting: (why: string) => progress.waits(why),
        signal: context.signal,
      };
      await this.inference.ask(request, async (reply) => {
        const question = byKey.get(reply.id);
        if (!question) return;
        await context.commit((tx) => this.answers.insert(tx, rowOf(job, question, reply, askedOf(question))));
        progress.step();
      });
    }
  }

  /** A task of lm-eval is asked as a whole; what it had answered before a kill is not asked again. */
  private async askByHarness(
    benchmark: LoadedBenchmark,
    questions: readonly Question[],
    { job, context, model, folder, gpu, progress, openKeys, askedOf }: Open,
  ): Promise<void> {
    const open = questions.filter(({ key }) => openKeys.has(key)).length;
    if (open === 0) return;
    const before = progress.reached;
    const answered = await this.tasks.ask(benchmark, questions, {
      ...{ model: model.directory, identity: JSON.stringify(model.identity), folder, gpu, signal: context.signal },
      job: { id: job.id, attempt: job.attempt, token: job.token },
      onProgress: (done, of) => progress.reach(before + Math.floor((open * done) / of)),
    });
    await context.commit(async (tx) => {
      for (const { question, item } of answered) {
        const reply = { ...item, finish: 'stop', tokens: null, seconds: null } as const;
        await this.answers.insert(tx, rowOf(job, question, reply, askedOf(question)));
      }
    });
    progress.reach(before + open);
  }

  /** What is used here to ask these questions. Tasks of lm-eval may be asked here while all others are asked elsewhere. */
  private deviceFor(open: readonly Question[]): 'cpu' | 'gpu' | undefined {
    const own = open.some(({ benchmark }) => benchmark.task === undefined) ? this.inference.uses : undefined;
    return own ?? (open.some(({ benchmark }) => benchmark.task !== undefined) ? this.tasks.uses : undefined);
  }

  /**
   * Waits in line for what the questions are asked on, if that is here.
   *
   * @returns index of the GPU, if it is one
   */
  private async takeDevice(
    job: Job,
    context: WorkContext,
    uses: 'cpu' | 'gpu' | undefined,
  ): Promise<number | undefined> {
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
    { open, askedOf }: { open: readonly Question[]; askedOf: (question: Question) => string | null },
  ): Promise<Question[]> {
    const known = await this.answers.known(
      asked,
      open.filter((question) => askedOf(question) === asked).map(({ digest }) => digest),
    );
    const byDigest = new Map(known.map((answer) => [answer.promptDigest, answer]));
    const answerTo = (question: Question) => (askedOf(question) === asked ? byDigest.get(question.digest) : undefined);
    const rows = open.flatMap((question) => {
      const answer = answerTo(question);
      return answer ? [rowOf(job, question, answer, asked)] : [];
    });
    if (rows.length > 0) {
      await context.commit(async (tx) => {
        for (const row of rows) await this.answers.insert(tx, row);
      });
    }
    return open.filter((question) => !answerTo(question));
  }
}

/** A reply as it is kept. */
function rowOf(job: Job, question: Question, reply: KeptReply, asked: string | null): AnswerRow {
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
