import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { SourceRow } from '@anneal/rows';
import { threadFile } from './thread.file.js';
import type { LaneResult, LaneSetup, Preview, RenderingFacts } from './lane.js';

export type LaneRequest = { readonly id: number } & (
  | { readonly kind: 'process'; readonly rows: readonly SourceRow[]; readonly file: string }
  | { readonly kind: 'preview'; readonly lines: readonly string[] }
  | { readonly kind: 'describe' }
);
export interface LaneReply {
  readonly id: number;
  readonly result: LaneResult | readonly Preview[] | RenderingFacts | undefined;
}

/** More of them only wait for the thread that brings the rows and keeps the books. */
const mostLanes = 4;
/** A lane keeps a tokenizer and one batch. Left alone, its garbage would grow to many times that. */
const resourceLimits = { maxYoungGenerationSizeMb: 16, maxOldGenerationSizeMb: 1024 };

interface RunningLane {
  readonly worker: Worker;
  waiting: number;
}

interface Waiting {
  readonly resolve: (result: LaneReply['result']) => void;
  readonly reject: (error: Error) => void;
  readonly lane: RunningLane;
}

/** Threads that examine rows, so that the thread of a service stays free to answer. They start as work comes. */
export class Lanes {
  private readonly lanes: RunningLane[] = [];
  private readonly waiting = new Map<number, Waiting>();
  private nextId = 0;
  private readonly most = Math.min(mostLanes, availableParallelism());

  constructor(private readonly setup: LaneSetup) {}

  /** How many pieces of work keep all lanes busy. */
  get depth(): number {
    return this.most * 2;
  }

  async process(rows: readonly SourceRow[], file: string): Promise<LaneResult> {
    return (await this.ask({ id: this.newId(), kind: 'process', rows, file })) as LaneResult;
  }

  async preview(lines: readonly string[]): Promise<readonly Preview[]> {
    return (await this.ask({ id: this.newId(), kind: 'preview', lines })) as readonly Preview[];
  }

  /** A tokenizer takes a hundred megabytes, which is enough to have once for each lane. */
  async describe(): Promise<RenderingFacts | undefined> {
    return (await this.ask({ id: this.newId(), kind: 'describe' })) as RenderingFacts | undefined;
  }

  async close(): Promise<void> {
    await Promise.all(this.lanes.map(({ worker }) => worker.terminate()));
  }

  private newId(): number {
    this.nextId += 1;
    return this.nextId;
  }

  private ask(request: LaneRequest): Promise<LaneReply['result']> {
    const lane = this.freest();
    lane.waiting += 1;
    return new Promise((resolve, reject) => {
      this.waiting.set(request.id, { resolve, reject, lane });
      lane.worker.postMessage(request);
    });
  }

  private freest(): RunningLane {
    const idle = this.lanes.find(({ waiting }) => waiting === 0);
    if (idle) return idle;
    if (this.lanes.length < this.most) return this.start();
    return this.lanes.reduce((best, lane) => (lane.waiting < best.waiting ? lane : best));
  }

  private start(): RunningLane {
    const worker = new Worker(threadFile('lane.thread.js'), { workerData: this.setup, execArgv: [], resourceLimits });
    const lane: RunningLane = { worker, waiting: 0 };
    worker.on('message', ({ id, result }: LaneReply) => {
      const waiting = this.waiting.get(id);
      this.waiting.delete(id);
      lane.waiting -= 1;
      waiting?.resolve(result);
    });
    const fail = (error: Error): void => {
      for (const [id, waiting] of this.waiting) {
        if (waiting.lane !== lane) continue;
        this.waiting.delete(id);
        waiting.reject(error);
      }
    };
    worker.on('error', (error) => fail(error instanceof Error ? error : new Error(String(error))));
    worker.on('exit', () => fail(new Error('a thread that examines rows has ended')));
    this.lanes.push(lane);
    return lane;
  }
}
