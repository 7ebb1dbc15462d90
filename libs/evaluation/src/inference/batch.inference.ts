import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { adoptProcess, followJsonLines, slotFile, startProcess, type SupervisedProcess } from '@anneal/compute';
import { z } from 'zod';
import { engineProcessEnv, engineVersions, generateCommand, type EngineLocation } from '@anneal/engine';
import { GenerationEnded } from './generation-ended.js';
import type { Inference, InferenceRequest, Reply } from './inference.js';

/** A line of the file of answers. */
export const answerLine = z.object({
  id: z.string(),
  text: z.string(),
  finish: z.enum(['stop', 'length', 'too_long']),
  tokens: z.int(),
  seconds: z.number(),
});

export interface BatchOptions {
  readonly engine: EngineLocation;
  readonly workDir: string;
  /** Index of the GPU that is used unless a request was given another one, or the CPU. */
  readonly device: 'cpu' | number;
  /** Of the CPU. */
  readonly threads: number;
  /** Prompts at once. */
  readonly batch: number;
  readonly leaseSeconds: number;
}

/** Time for a killed generation to close its files; what it has answered is on disk already. */
const killGraceMs = 1_000;

/** Asks with a batch generation on this machine, one at a time per device. It lives on when this process dies. */
export class BatchInference implements Inference {
  readonly settings: Inference['settings'];
  readonly uses: 'cpu' | 'gpu';

  constructor(private readonly options: BatchOptions) {
    const { device, batch } = options;
    this.uses = device === 'cpu' ? 'cpu' : 'gpu';
    this.settings = { form: 'batch', temperature: 0, device: this.uses, batch };
  }

  versions(): Promise<Readonly<Record<string, string>>> {
    return engineVersions(this.options.engine);
  }

  async ask(request: InferenceRequest, onReply: (reply: Reply) => Promise<void>): Promise<void> {
    const replies = new Replies(request, onReply);
    await mkdir(request.directory, { recursive: true });
    // What an earlier attempt had answered when its service was killed comes first; it may be all there is.
    await replies.take(AbortSignal.abort());
    if (replies.missing().length === 0) return;
    const generation = await this.adoptOrStart(request, replies);
    await this.attend(generation, request, replies);
    const unanswered = replies.missing().length;
    if (unanswered > 0) throw new GenerationEnded(await generation.wait(), await generation.tailLog(40), unanswered);
  }

  private async adoptOrStart(request: InferenceRequest, replies: Replies): Promise<SupervisedProcess> {
    const found = await adoptProcess(request.directory);
    // It was started for the same prompts, or for more of them.
    if (found && !('ended' in found)) return found;
    const { engine, workDir, threads, batch, leaseSeconds } = this.options;
    const device = this.uses === 'cpu' ? 'cpu' : (request.gpu ?? this.options.device);
    const input = join(request.directory, 'prompts.jsonl');
    const prompts = replies.missing().map(({ id, prompt }) => `${JSON.stringify({ id, ...prompt })}\n`);
    await writeFile(input, prompts.join(''));
    const { model, answerTokens, stop, job } = request;
    const home = join(request.directory, 'home');
    await mkdir(home, { recursive: true });
    return startProcess({
      directory: request.directory,
      identity: { job: job.id, attempt: job.attempt, token: job.token },
      ...generateCommand(engine, { model, input, output: replies.file, batch, answerTokens, stop, device: this.uses }),
      env: engineProcessEnv(engine, { home, threads, gpus: device === 'cpu' ? [] : [device] }),
      cwd: request.directory,
      slot: slotFile(workDir, device),
      attendedSeconds: 2 * leaseSeconds,
    });
  }

  /** Passes on what is answered until the generation ends. */
  private async attend(generation: SupervisedProcess, request: InferenceRequest, replies: Replies): Promise<void> {
    const over = new AbortController();
    const following = replies.take(over.signal);
    // A reply that cannot be stored ends the waiting too.
    const failed = following.then(() => new Promise<never>(() => undefined));
    try {
      await Promise.race([generation.wait(request.signal), failed]);
      over.abort();
      await following;
    } catch (error) {
      over.abort();
      await following.catch(() => undefined);
      // Whoever holds the lease now may have adopted it.
      if (request.signal.reason !== 'lease-lost') await generation.kill(killGraceMs);
      throw error;
    }
  }
}

/** The replies of one request: read from the file as they are written, and passed on once each. */
class Replies {
  readonly file: string;
  private readonly waiting: Map<string, InferenceRequest['prompts'][number]>;

  constructor(
    request: InferenceRequest,
    private readonly onReply: (reply: Reply) => Promise<void>,
  ) {
    this.file = join(request.directory, 'answers.jsonl');
    this.waiting = new Map(request.prompts.map((prompt) => [prompt.id, prompt]));
  }

  missing(): InferenceRequest['prompts'] {
    return [...this.waiting.values()];
  }

  /** Passes on what is in the file and what comes, until the signal says that nothing more will come. */
  async take(signal: AbortSignal): Promise<void> {
    const broken = new AbortController();
    let passing = Promise.resolve();
    const pass = (value: unknown): void => {
      const parsed = answerLine.safeParse(value);
      // Replies to prompts that are answered elsewhere, and the half line that a kill may leave, are nobody's.
      if (!parsed.success || !this.waiting.delete(parsed.data.id)) return;
      passing = passing.then(() => this.onReply(parsed.data));
      passing.catch((error: unknown) => broken.abort(error));
    };
    await followJsonLines(this.file, pass, { signal: AbortSignal.any([signal, broken.signal]) });
    await passing;
  }
}
