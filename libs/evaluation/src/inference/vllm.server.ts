import { readFile, writeFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { adoptProcess, freePort, slotFile, startProcess, type SupervisedProcess } from '@anneal/compute';
import { vllmCommand, vllmProcessEnv, type EngineLocation } from '@anneal/engine';
import { z } from 'zod';
import { GenerationEnded } from './generation-ended.js';
import type { InferenceRequest } from './inference.js';
import { ServerConnection } from './server.connection.js';

export interface VllmOptions {
  /** The Python environment that holds vLLM. */
  readonly engine: EngineLocation;
  readonly workDir: string;
  /** Index of the GPU that it gets unless a request was given another one. */
  readonly gpu: number;
  readonly threads: number;
  readonly leaseSeconds: number;
  /** From its start until it answers; loading a large model and compiling for it takes minutes. */
  readonly startMs?: number;
  /** Between two looks at whether it lives. */
  readonly lookMs?: number;
}

/** For which model, in which folder and for whom a server is started. */
export type ServedRequest = Pick<InferenceRequest, 'directory' | 'model' | 'gpu' | 'job' | 'signal'>;

/** The server gives no sign of life. */
export class ServerHangs extends Error {
  override readonly name = 'ServerHangs';
}

const usualStartMs = 30 * 60_000;
const usualLookMs = 5_000;
/** So many looks in a row without an answer: one may fall into a moment in which the machine is busy. */
const mostMissed = 3;
const readyPauseMs = 250;

const served = z.object({ port: z.int() });
const models = z.object({ data: z.array(z.object({ id: z.string() })) });

/** A vLLM server that was started for a request. It outlives this process, and is found again in the request's folder. */
export class VllmServer {
  private constructor(
    private readonly process: SupervisedProcess,
    private readonly port: number,
    private readonly model: string,
    private readonly options: VllmOptions,
  ) {}

  /** The server that an earlier attempt left behind, or a new one. */
  static async adoptOrStart(request: ServedRequest, options: VllmOptions): Promise<VllmServer> {
    const { directory, model, job } = request;
    const note = join(directory, 'server.json');
    const found = await adoptProcess(directory);
    if (found && !('ended' in found)) {
      const { port } = served.parse(JSON.parse(await readFile(note, 'utf8')));
      return new VllmServer(found, port, model, options);
    }
    const { engine, workDir, threads, leaseSeconds } = options;
    const { gpu = options.gpu } = request;
    const home = join(directory, 'home');
    await mkdir(home, { recursive: true });
    const port = await freePort();
    // Before it starts: whoever finds the process has to find its port.
    await writeFile(note, JSON.stringify({ port }));
    const started = await startProcess({
      directory,
      identity: { job: job.id, attempt: job.attempt, token: job.token },
      ...vllmCommand(engine, { model, port, gpus: 1 }),
      env: vllmProcessEnv(engine, { home, threads, gpus: [gpu] }),
      cwd: directory,
      slot: slotFile(workDir, gpu),
      attendedSeconds: 2 * leaseSeconds,
    });
    return new VllmServer(started, port, model, options);
  }

  /** Up to /v1. */
  get url(): string {
    return `http://127.0.0.1:${this.port}/v1`;
  }

  /** Resolves once it answers for the model. While it waits for its GPU, no time counts. */
  async ready(signal: AbortSignal): Promise<void> {
    const { startMs = usualStartMs } = this.options;
    let left = startMs;
    for (;;) {
      signal.throwIfAborted();
      if (await this.isReady(signal)) return;
      await sleep(readyPauseMs, undefined, { signal });
      if (this.process.state() === 'running') left -= readyPauseMs;
      if (left <= 0) throw new ServerHangs(`vLLM did not come up within ${Math.round(startMs / 60_000)} min.`);
    }
  }

  /**
   * Watches over it, and never resolves.
   *
   * @throws GenerationEnded when its process ended, ServerHangs when it gives no sign of life after it was ready
   */
  async watch(ready: Promise<void>, signal: AbortSignal): Promise<never> {
    const over = new AbortController();
    const both = AbortSignal.any([signal, over.signal]);
    try {
      return await Promise.race([this.untilEnded(both), ready.then(() => this.untilHanging(both))]);
    } finally {
      over.abort();
    }
  }

  /** Waiting for the process is also what tells its supervisor that somebody still needs it. */
  private async untilEnded(signal: AbortSignal): Promise<never> {
    const exit = await this.process.wait(signal);
    throw new GenerationEnded(exit, await this.process.tailLog(40), 0);
  }

  async kill(): Promise<void> {
    await this.process.kill(killGraceMs);
  }

  private async untilHanging(signal: AbortSignal): Promise<never> {
    const { lookMs = usualLookMs } = this.options;
    const connection = this.connect('');
    try {
      for (let missed = 0; missed < mostMissed;) {
        await sleep(lookMs, undefined, { signal });
        const look = connection.get('health', { signal, timeoutMs: 2 * lookMs });
        missed = await look.then(
          () => 0,
          () => missed + 1,
        );
        signal.throwIfAborted();
      }
    } finally {
      connection.close();
    }
    throw new ServerHangs('vLLM gave no sign of life.');
  }

  private async isReady(signal: AbortSignal): Promise<boolean> {
    const connection = this.connect('');
    try {
      const look = { signal, timeoutMs: 10_000 };
      if ((await connection.get('health', look)).status !== 200) return false;
      const { text } = await connection.get('v1/models', look);
      return models.parse(JSON.parse(text)).data.some(({ id }) => id === this.model);
    } catch {
      signal.throwIfAborted();
      return false;
    } finally {
      connection.close();
    }
  }

  private connect(path: string): ServerConnection {
    return new ServerConnection(`http://127.0.0.1:${this.port}/${path}`, { connections: 1 });
  }
}

/** vLLM gives its GPU memory back when it is asked to end; a moment is enough, and then it is killed. */
const killGraceMs = 5_000;
