import { LOGGER, type Logger } from '@anneal/service';
import { Inject, Injectable, type BeforeApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { RunRecord } from '../runs/run.record.js';
import { RunTable } from '../runs/run.table.js';
import { toRunView } from '../runs/run.view.js';
import { RunFeed } from './run.feed.js';
import { frameOf } from './tell.js';

/** Changes get their places before they are committed: one may become visible after some with higher places. */
const overlap = 200;
/** Looks even without a hint: another process of this service may have changed a run. */
const recheckMs = 2_000;
/** Hints come in crowds; one look answers all that came meanwhile. */
const gatherMs = 20;

/** A run after a change, ready to be told. */
export interface RunChange {
  readonly project: string;
  readonly runId: string;
  readonly change: number;
  readonly frame: string;
}

/** Reads every change of every run once, however many watch, and hands it to all of them. */
@Injectable()
export class RunChanges implements OnModuleInit, BeforeApplicationShutdown {
  private readonly watchers = new Set<(change: RunChange) => void>();
  private readonly told = new Map<string, number>();
  private reached: number | undefined;
  private beginning: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private dueMs = Infinity;
  private reading: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(
    private readonly table: RunTable,
    private readonly feed: RunFeed,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onModuleInit(): void {
    this.feed.listenToAll({ changed: () => this.look(gatherMs), progress: () => undefined });
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.reading;
  }

  /** @returns ends the watching */
  watch(watcher: (change: RunChange) => void): () => void {
    this.watchers.add(watcher);
    this.look(gatherMs);
    return () => void this.watchers.delete(watcher);
  }

  /** The place of the last change of all, for one who wants to hear of what comes after it. */
  lastChange(): Promise<number> {
    return this.table.lastChange();
  }

  /** What a project changed after a place, for one who was away. */
  async *since(project: string, change: number): AsyncIterable<RunChange> {
    // The looks tell of what comes after the beginning. Begun later, they would leave out what is changed in between.
    await this.begun();
    for await (const run of this.table.changedSince(change, project)) yield toChange(run);
  }

  private look(inMs: number): void {
    // A look that is due sooner stays: hints that come faster than it would put it off for ever.
    if (this.stopped || this.watchers.size === 0 || inMs >= this.dueMs) return;
    clearTimeout(this.timer);
    this.dueMs = inMs;
    this.timer = setTimeout(() => {
      this.dueMs = Infinity;
      this.reading = this.reading.then(() => this.read());
    }, inMs);
  }

  private async read(): Promise<void> {
    try {
      await this.begun();
      const { reached = 0 } = this;
      for await (const run of this.table.changedSince(reached - overlap)) this.tell(toChange(run));
      for (const [id, change] of this.told) if (change < (this.reached ?? 0) - overlap) this.told.delete(id);
    } catch (error) {
      this.logger.warn({ err: error }, 'changes of runs could not be read and are looked for again');
    }
    this.look(recheckMs);
  }

  /** Begins once, whoever is the first to need it, and again only when that did not work. */
  private begun(): Promise<void> {
    this.beginning ??= this.begin().catch((error: unknown) => {
      this.beginning = undefined;
      throw error;
    });
    return this.beginning;
  }

  /** What was changed before is told to those who ask for it, and to nobody else. */
  private async begin(): Promise<void> {
    const reached = await this.table.lastChange();
    for await (const { id, change } of this.table.changedSince(reached - overlap)) this.told.set(id, change);
    this.reached = Math.max(reached, ...this.told.values());
  }

  private tell(change: RunChange): void {
    if ((this.told.get(change.runId) ?? 0) >= change.change) return;
    this.told.set(change.runId, change.change);
    this.reached = Math.max(this.reached ?? 0, change.change);
    for (const watcher of this.watchers) watcher(change);
  }
}

function toChange(run: RunRecord): RunChange {
  const { project, id: runId, change } = run;
  return { project, runId, change, frame: frameOf('run', toRunView(run), change) };
}
