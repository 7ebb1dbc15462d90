import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { SourceRow } from '@anneal/rows';
import { threadFile } from '../thread.file.js';
import type { LaneResult, LaneSetup, Preview, RenderingFacts } from './lane.js';

/** What a lane is told, after its setup. */
export type LaneRequest = { readonly id: number } & LaneQuestion;
type LaneQuestion =
  | { readonly kind: 'process'; readonly rows: readonly SourceRow[]; readonly file: string }
  | { readonly kind: 'preview'; readonly lines: readonly string[] }
  | { readonly kind: 'describe' };
export interface LaneReply {
  readonly id: number;
  readonly result: LaneResult | readonly Preview[] | RenderingFacts | undefined;
}

/** More of them only wait for the thread that brings the rows and keeps the books. */
const mostLanes = 4;
/** What a further thread costs before it is of use: it loads and compiles all that the first one has. */
const startMs = 200;
/** A lane keeps a tokenizer and one batch. Left alone, its garbage would grow to many times that. */
const resourceLimits = { maxYoungGenerationSizeMb: 16, maxOldGenerationSizeMb: 1024 };

interface RunningLane {
  readonly worker: Worker;
  waiting: number;
  hasAnswered: boolean;
  /** Why it answers no more. */
  end: Error | undefined;
}

interface Waiting {
  readonly resolve: (result: LaneReply['result']) => void;
  readonly reject: (error: Error) => void;
  readonly lane: RunningLane;
}

/**
 * Threads that examine rows, so that the thread of a service stays free to answer. The first one starts at once, since that
 * takes as long as to look at a source; each further one when others have been waited for as long as it takes to start.
 */
export class Lanes {
  private readonly lanes: RunningLane[] = [];
  private setup: LaneSetup | undefined;
  private readonly waiting = new Map<number, Waiting>();
  private nextId = 0;
  /** Since the last thread that was started has answered. */
  private waitedMs = 0;
  private readonly most = Math.min(mostLanes, availableParallelism());

  constructor() {
    this.start();
  }

  /** Tells what is to be done with rows, before the first ones. */
  begin(setup: LaneSetup): void {
    this.setup = setup;
    for (const { worker } of this.lanes) worker.postMessage(setup);
  }

  /** How many pieces of work keep all lanes busy. */
  get depth(): number {
    return this.most * 2;
  }

  async process(rows: readonly SourceRow[], file: string): Promise<LaneResult> {
    return (await this.ask({ kind: 'process', rows, file })) as LaneResult;
  }

  /** To be told how long nothing could be done but wait for a result. */
  noteWait(ms: number): void {
    if (this.lanes.every(({ hasAnswered }) => hasAnswered)) this.waitedMs += ms;
    if (this.waitedMs < startMs || this.lanes.length >= this.most) return;
    this.waitedMs = 0;
    this.start();
  }

  async preview(lines: readonly string[]): Promise<readonly Preview[]> {
    return (await this.ask({ kind: 'preview', lines })) as readonly Preview[];
  }

  /** A tokenizer takes a hundred megabytes, which is enough to have once for each lane. */
  async describe(): Promise<RenderingFacts | undefined> {
    return (await this.ask({ kind: 'describe' })) as RenderingFacts | undefined;
  }

  async close(): Promise<void> {
    await Promise.all(this.lanes.map(({ worker }) => worker.terminate()));
  }

  private ask(question: LaneQuestion): Promise<LaneReply['result']> {
    const lane = this.freest();
    lane.waiting += 1;
    this.nextId += 1;
    const id = this.nextId;
    return new Promise((resolve, reject) => {
      if (lane.end) return reject(lane.end);
      this.waiting.set(id, { resolve, reject, lane });
      lane.worker.postMessage({ id, ...question } satisfies LaneRequest);
    });
  }

  private freest(): RunningLane {
    return this.lanes.reduce((best, lane) => (lane.waiting < best.waiting ? lane : best));
  }

  private start(): void {
    const worker = new Worker(threadFile('preparation/lane.thread.js'), { execArgv: [], resourceLimits });
    if (this.setup) worker.postMessage(this.setup);
    const lane: RunningLane = { worker, waiting: 0, hasAnswered: false, end: undefined };
    worker.on('message', ({ id, result }: LaneReply) => {
      const waiting = this.waiting.get(id);
      this.waiting.delete(id);
      lane.waiting -= 1;
      lane.hasAnswered = true;
      waiting?.resolve(result);
    });
    const fail = (error: Error): void => {
      lane.end ??= error;
      for (const [id, waiting] of this.waiting) {
        if (waiting.lane !== lane) continue;
        this.waiting.delete(id);
        waiting.reject(error);
      }
    };
    worker.on('error', (error) => fail(error instanceof Error ? error : new Error(String(error))));
    worker.on('exit', () => fail(new Error('a thread that examines rows has ended')));
    this.lanes.push(lane);
  }
}
