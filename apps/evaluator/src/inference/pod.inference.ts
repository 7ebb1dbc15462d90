import { randomUUID } from 'node:crypto';
import { basename, join } from 'node:path';
import type { ArtifactStore } from '@anneal/artifacts';
import { podGenerateCommand } from '@anneal/engine';
import { answerLine, GenerationEnded, type Inference, type InferenceRequest, type Reply } from '@anneal/evaluation';
import { annotations, folders, jobName, type Job } from '@anneal/kubernetes';
import {
  attendPod,
  failureOfPod,
  isFinished,
  LastLines,
  storeModel,
  type PodInput,
  type PodListener,
  type PodPiece,
  type Pods,
} from '@anneal/pods';
import type { EvaluatorConfig } from '../evaluator.config.js';

const modelFolder = 'model';
const promptsName = 'prompts.jsonl';
const answersName = 'answers.jsonl';
/** What is answered is told already. */
const graceSeconds = 5;

/**
 * Asks with a batch generation in the pod of a Kubernetes Job. Its answers are the events of the pod, so that each is
 * stored as it comes; a Job that goes on without its service is adopted by the next attempt.
 */
export class PodInference implements Inference {
  readonly settings: Inference['settings'];
  private readonly device: 'cpu' | 'gpu';

  constructor(
    private readonly config: EvaluatorConfig,
    private readonly pods: Pods,
    private readonly store: ArtifactStore,
  ) {
    const { DEVICE, KUBERNETES_HOSTS: hosts, BATCH: batch } = config;
    this.device = DEVICE === 'cpu' || hosts === 'cpu' ? 'cpu' : 'gpu';
    this.settings = { form: 'batch', temperature: 0, device: this.device, batch };
  }

  /** All of it is in the image. */
  versions(): Promise<Readonly<Record<string, string>>> {
    return Promise.resolve({ image: this.config.KUBERNETES_IMAGE ?? '' });
  }

  async ask(request: InferenceRequest, onReply: (reply: Reply) => Promise<void>): Promise<void> {
    const broken = new AbortController();
    const answers = new PodAnswers(request, onReply, (error) => broken.abort(error));
    const signal = AbortSignal.any([request.signal, broken.signal]);
    const { ADOPT_SECONDS: adoptSeconds } = this.config;
    while (answers.missing().length > 0) {
      const found = await this.find(request);
      const run = found ? this.pods.adopt(found, answers) : await this.start(request, answers, signal);
      const lends = found === undefined || !isFinished(found);
      // What it writes to its output is of no interest, and there is nothing.
      const sink = { lends, wanted: () => false, result: () => Promise.resolve() };
      const exit = await attendPod(run, { sink, signal, adoptSeconds, tell: tellerOf(request) });
      broken.signal.throwIfAborted();
      await this.pods.removeAll(request.job);
      const unanswered = answers.missing().length;
      if (unanswered === 0) return;
      const failure = failureOfPod(exit);
      // Of a pod that an earlier attempt left, the end is no news, and some of its words may be gone: the rest is asked anew.
      if (found === undefined || failure?.retryable === false) {
        throw failure ?? new GenerationEnded(exit, answers.output, unanswered);
      }
    }
  }

  /** What an earlier attempt left for the same questions. */
  private async find({ job, directory }: InferenceRequest): Promise<Job | undefined> {
    const newest = await this.pods.newest(job);
    const told = newest?.metadata.annotations;
    const isSame = told?.[annotations.part] === partOf(directory) && told[annotations.turn] === String(job.turn ?? 0);
    return isSame ? newest : undefined;
  }

  private async start(request: InferenceRequest, answers: PodAnswers, signal: AbortSignal) {
    const { job, directory } = request;
    const next = jobName({ work: 'evaluation', jobId: job.id, attempt: job.attempt, part: partOf(directory) });
    await this.pods.removeEarlier(job, { next, graceSeconds, signal });
    return this.pods.start(await this.pieceOf(request, answers, signal), answers, signal);
  }

  private async pieceOf(request: InferenceRequest, answers: PodAnswers, signal: AbortSignal): Promise<PodPiece> {
    const { model, answerTokens, stop, job, directory } = request;
    const { runId = job.id, turn = 0 } = job;
    const lines = answers.missing().map(({ id, prompt }) => `${JSON.stringify({ id, ...prompt })}\n`);
    const file = { path: promptsName, source: Buffer.from(lines.join('')) };
    const prompts = await this.store.putFiles('dataset', [file], { signal });
    const inputs: PodInput[] = [
      { digest: await storeModel(this.store, model, signal), from: '', to: modelFolder, cache: true },
      { digest: prompts.digest, from: promptsName, to: promptsName, cache: false },
    ];
    const { BATCH: batch, KUBERNETES_PYTHON: python } = this.config;
    const { device } = this;
    const files = { model: modelFolder, input: promptsName, output: answersName };
    return {
      ...{ job: { ...job, runId, turn }, part: partOf(directory), inputs, start: randomUUID() },
      ...{ device, gpus: 1, graceSeconds },
      ...podGenerateCommand({ python }, { ...files, batch, answerTokens, stop, device }),
      env: { ANNEAL_EVENTS: join(folders.work, answersName), ANNEAL_GRACE_SECONDS: '0' },
      variables: { MODEL_NAME: runId },
      files: {},
    };
  }
}

/** Named by all questions of a request, also those that are answered. */
function partOf(directory: string): string {
  return basename(directory);
}

function tellerOf({ onWaiting }: InferenceRequest) {
  return (phase: 'running' | { readonly waitsFor: string }): void => {
    if (phase !== 'running') onWaiting?.(phase.waitsFor);
  };
}

/** The answers of one request as the pod tells them, passed on once each. */
class PodAnswers implements PodListener {
  private readonly waiting: Map<string, InferenceRequest['prompts'][number]>;
  private readonly lines = new LastLines(40);

  constructor(
    request: InferenceRequest,
    private readonly onReply: (reply: Reply) => Promise<void>,
    private readonly onBroken: (error: unknown) => void,
  ) {
    this.waiting = new Map(request.prompts.map((prompt) => [prompt.id, prompt]));
  }

  begin(): Promise<void> {
    this.lines.clear();
    return Promise.resolve();
  }

  async event(event: unknown): Promise<void> {
    const { data } = answerLine.safeParse(event);
    // Answers to prompts that are answered already are nobody's.
    if (data === undefined || !this.waiting.has(data.id)) return;
    try {
      await this.onReply(data);
      this.waiting.delete(data.id);
    } catch (error) {
      this.onBroken(error);
    }
  }

  line(text: string): void {
    this.lines.add(text);
  }

  missing(): InferenceRequest['prompts'] {
    return [...this.waiting.values()];
  }

  /** Its last lines. */
  get output(): string {
    return this.lines.text;
  }
}
