import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  adoptProcess,
  followJsonLines,
  slotFile,
  startProcess,
  type ExitRecord,
  type SupervisedProcess,
} from '@anneal/compute';
import { Failure } from '@anneal/contracts';
import { askTaskCommand, engineVersions, lmEvalProcessEnv, readMaxPositions, type LmEvalModel } from '@anneal/engine';
import { z } from 'zod';
import { GenerationEnded } from '../inference/generation-ended.js';
import type { InferenceRequest } from '../inference/inference.js';
import { ServerHangs, type VllmOptions } from '../inference/vllm.server.js';
import { onVllm } from '../inference/vllm.session.js';
import type { DescribedTask } from './described-task.js';
import { exitStatus, type InstalledHarness } from './installed-harness.js';
import { readSamples, type HarnessItem } from './samples.js';

/** Who computes the answers that lm-eval asks for. */
export type HarnessPlace =
  | { readonly form: 'batch'; readonly device: 'cpu' | number; readonly batch: number }
  | { readonly form: 'server'; readonly url: string; readonly key?: string | undefined; readonly concurrency: number }
  | { readonly form: 'vllm'; readonly vllm: VllmOptions; readonly concurrency: number };

export interface TaskRequest extends Pick<InferenceRequest, 'directory' | 'gpu' | 'job' | 'signal'> {
  readonly described: DescribedTask;
  /** Which of its metrics counts. */
  readonly metric?: string | undefined;
  /** Folder of the model; of one on a server that is not here, there may be none. */
  readonly model: string | undefined;
  /** Name of the model on a server; its folder when left out. */
  readonly served?: string | undefined;
  /** Told how many of all requests are answered; an item may need several. */
  readonly onProgress?: (answered: number, of: number) => void;
}

const progressLine = z.object({ answered: z.int(), of: z.int() });
const killGraceMs = 2_000;

/** Has lm-eval put its tasks to a model. The process outlives this one, and is found again in the request's folder. */
export class TaskAsking {
  /** What decides how answers come about, for the report. */
  readonly settings: Readonly<Record<string, unknown>>;

  constructor(
    private readonly harness: InstalledHarness,
    private readonly place: HarnessPlace,
    private readonly options: { readonly workDir: string; readonly leaseSeconds: number },
  ) {
    const how =
      place.form === 'batch'
        ? { device: place.device === 'cpu' ? 'cpu' : 'gpu', batch: place.batch }
        : { concurrency: place.concurrency };
    this.settings = { asks: 'lm-eval', form: place.form, ...how };
  }

  /** What it computes on here; absent for a server elsewhere. */
  get uses(): 'cpu' | 'gpu' | undefined {
    const { place } = this;
    if (place.form === 'server') return undefined;
    return place.form === 'batch' && place.device === 'cpu' ? 'cpu' : 'gpu';
  }

  /** Versions of what computes the answers and of what reads them. */
  async versions({ head }: DescribedTask): Promise<Readonly<Record<string, string>>> {
    const { place, harness } = this;
    const engine = place.form === 'server' ? {} : await engineVersions(harness.engine);
    const served = place.form === 'vllm' ? await engineVersions(place.vllm.engine) : {};
    return { ...engine, ...served, 'lm-eval': head.lmEval };
  }

  /**
   * Asks the whole task, and gives its items when the last of them is answered. What was answered when a request is made
   * again in the same folder is not asked again.
   *
   * @throws Failure BENCHMARK_INVALID or INFERENCE_UNAVAILABLE
   * @throws GenerationEnded when lm-eval ended for another reason
   */
  async ask(request: TaskRequest): Promise<{ items: HarnessItem[]; metric: string }> {
    const { directory, described, metric } = request;
    await mkdir(directory, { recursive: true });
    const output = join(directory, 'items.jsonl');
    let source = await readIfThere(output);
    if (source === undefined) {
      await this.onModel(request, (model, signal) => this.run({ ...request, signal }, model, output));
      source = await readFile(output, 'utf8');
    }
    return readSamples(source, { task: described.head.task, metric });
  }

  private async onModel(
    request: TaskRequest,
    work: (model: LmEvalModel, signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const { place } = this;
    const { model: folder, served, directory, gpu, job, signal } = request;
    if (place.form === 'batch') {
      return work({ folder: folder ?? '', device: place.device === 'cpu' ? 'cpu' : 'gpu' }, signal);
    }
    const maxLength = folder === undefined ? undefined : await readMaxPositions(folder);
    const known = { concurrency: place.concurrency, folder, maxLength };
    const name = served ?? folder ?? '';
    if (place.form === 'server') return work({ url: place.url, name, ...known }, signal);
    const asked = { directory: join(directory, 'server'), model: name, gpu, job, signal };
    try {
      await onVllm(asked, place.vllm, (url, both) => work({ url, name, ...known }, both));
    } catch (error) {
      if (!(error instanceof ServerHangs)) throw error;
      throw new Failure('INFERENCE_UNAVAILABLE', error.message, {
        remedy: 'It is tried again; look at the log of vLLM in the work folder of the evaluator if it stays.',
        cause: error,
      });
    }
  }

  private async run(request: TaskRequest, model: LmEvalModel, output: string): Promise<void> {
    const progress = join(request.directory, 'progress.jsonl');
    const asking = await this.adoptOrStart(request, model, { progress, output });
    const over = new AbortController();
    const following = followJsonLines(
      progress,
      (line) => {
        const parsed = progressLine.safeParse(line);
        if (parsed.success) request.onProgress?.(parsed.data.answered, parsed.data.of);
      },
      { signal: over.signal },
    );
    try {
      const exit = await asking.wait(request.signal);
      if (exit.code !== 0) throw ended(request, exit, await asking.tailLog(40));
    } catch (error) {
      // Whoever holds the lease now may have adopted it.
      if (request.signal.aborted && request.signal.reason !== 'lease-lost') await asking.kill(killGraceMs);
      throw error;
    } finally {
      over.abort();
      await following.catch(() => undefined);
    }
  }

  private async adoptOrStart(
    { directory, described, gpu, job }: TaskRequest,
    model: LmEvalModel,
    files: { progress: string; output: string },
  ): Promise<SupervisedProcess> {
    const found = await adoptProcess(directory);
    if (found && !('ended' in found)) return found;
    const { place, harness, options } = this;
    const home = join(directory, 'home');
    await mkdir(home, { recursive: true });
    await rm(files.progress, { force: true });
    const { engine, folders } = harness;
    const cache = join(directory, 'answers.db');
    const batch = place.form === 'batch' ? place.batch : 1;
    const device = place.form === 'batch' ? (place.device === 'cpu' ? 'cpu' : (gpu ?? place.device)) : undefined;
    return startProcess({
      directory,
      identity: { job: job.id, attempt: job.attempt, token: job.token },
      ...askTaskCommand(engine, { ...described.asked, folders }, { model, batch, cache, ...files }),
      env: lmEvalProcessEnv(engine, {
        ...harness,
        ...{ home, gpus: typeof device === 'number' ? [device] : [] },
        key: place.form === 'server' ? place.key : undefined,
      }),
      cwd: directory,
      ...(device === undefined ? {} : { slot: slotFile(options.workDir, device) }),
      attendedSeconds: 2 * options.leaseSeconds,
    });
  }
}

function ended({ described }: TaskRequest, exit: ExitRecord, log: string): Error {
  const lines = log.trim().split('\n');
  // Requests that were under way write their own traces after what the script says.
  const word = lines.findLast((line) => line.startsWith('The server does not answer')) ?? lines.at(-1) ?? '';
  const said = word.slice(0, 500);
  const { task } = described.head;
  if (exit.code === exitStatus.server) {
    return new Failure('INFERENCE_UNAVAILABLE', `${task} could not be asked. ${said}`, {
      remedy: 'It is tried again, and asks only what is not answered; look at the log of the inference server.',
    });
  }
  if (exit.code === exitStatus.model) {
    return new Failure('MODEL_INVALID', said, {
      remedy: 'Ask with prompt "completion", or take a model with a chat template.',
      field: 'evaluation.benchmarks',
    });
  }
  if (exit.code === exitStatus.badInput || exit.code === exitStatus.noData) {
    return new Failure('BENCHMARK_INVALID', said, {
      remedy: 'Leave the task and its data as they are while a run goes on, and request the run again.',
    });
  }
  return new GenerationEnded(exit, log, described.items.length);
}

async function readIfThere(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
}
