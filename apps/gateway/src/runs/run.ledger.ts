import {
  Failure,
  readTrainRequest,
  RunRejected,
  TrainRequested,
  type AcceptedRunSpec,
  type Progress,
  type ReceivedEvent,
  type SpecProblem,
  type StageName,
} from '@anneal/contracts';
import { Inbox, Outbox } from '@anneal/jobs';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { FitCheck } from '../estimates/fit.check.js';
import { RunFeed } from '../watch/run.feed.js';
import { sayClosing } from './run.closing.js';
import { openedRun, rejectedRun, unknownRun, type RunRecord } from './run.record.js';
import { RunTable } from './run.table.js';
import { described, isOutdated, progressed, stageFailed, type Step } from './run-state.js';

/** A longer list helps nobody, and an event has to stay small. */
const longestList = 50;

/** Keeps the read model of runs by listening, and says the closing word of each. */
@Injectable()
export class RunLedger {
  constructor(
    private readonly dataSource: DataSource,
    private readonly inbox: Inbox,
    private readonly outbox: Outbox,
    private readonly table: RunTable,
    private readonly feed: RunFeed,
    private readonly fit: FitCheck,
  ) {}

  /**
   * A request opens a run, or is answered with what is wrong with it; a run that cannot fit on any host fails at once. One whose id
   * is known already does nothing.
   */
  async takeRequest(event: ReceivedEvent): Promise<void> {
    const request = readTrainRequest(event.data, event.id);
    const at = instantOf(event);
    const refusal = request.ok ? await this.refusalOf(request.spec) : undefined;
    await this.inbox.take(event, async (tx) => {
      if (request.ok) {
        const isNew = await this.open(tx, request.spec, at, event.project);
        await this.adopt(tx, event, request.spec);
        if (isNew && refusal) await this.refuse(tx, event, request.spec.id, refusal);
      } else await this.reject(tx, request, at, event);
    });
    this.feed.changed(request.runId);
  }

  /** Moves a run on. The run is made from the event when the request has not been seen yet. */
  async takeStep(
    event: ReceivedEvent<{ runId: string; spec?: AcceptedRunSpec }>,
    step: (run: RunRecord, at: string) => Step,
  ): Promise<void> {
    const { runId, spec } = event.data;
    const at = instantOf(event);
    await this.inbox.take(event, async (tx) => {
      const { project } = event;
      await this.table.open(tx, spec ? openedRun(spec, at, project) : unknownRun(runId, at, project));
      const before = await this.table.lock(tx, runId);
      if (!before) throw new Error(`the row of run ${runId} is gone`);
      const { run, closing } = step(spec ? described(before, spec) : before, at);
      if (run !== before) await this.table.save(tx, before, run);
      if (closing) await sayClosing({ outbox: this.outbox, tx, causationId: event.id }, run, closing);
    });
    this.feed.changed(runId);
  }

  /** What a stage says of a run, unless it was begun anew since. */
  async takeWord(
    stage: StageName,
    event: ReceivedEvent<{ runId: string; spec?: AcceptedRunSpec }>,
    step: (run: RunRecord, at: string) => Step,
  ): Promise<void> {
    await this.takeStep(event, (run, at) => (isOutdated(run, stage, event.turn) ? { run } : step(run, at)));
  }

  /** Writes the newest progress of a stage; only a stage or an attempt that begins changes the version. */
  async takeProgress(progress: Progress): Promise<void> {
    const changed = await this.dataSource.transaction(async (tx) => {
      const before = await this.table.lock(tx, progress.runId);
      if (!before) return false;
      const { run } = progressed(before, progress);
      const stage = run.stages.find((entry) => !before.stages.includes(entry));
      if (!stage) return false;
      const begins =
        progress.began !== undefined ||
        before.stages.some((entry) => entry.stage === stage.stage && entry.state !== stage.state);
      await (begins ? this.table.save(tx, before, run) : this.table.saveStages(tx, run.id, [stage]));
      return begins;
    });
    if (changed) this.feed.changed(progress.runId);
  }

  /** What came in by the API was looked at there, and has its row. */
  private async refusalOf(spec: AcceptedRunSpec): Promise<Failure | undefined> {
    const known = await this.table.find(spec.id);
    return known === undefined || known.state === 'rejected' ? this.fit.refusal(spec) : undefined;
  }

  /** @returns whether there was no such run before */
  private async open(tx: EntityManager, spec: AcceptedRunSpec, at: string, project?: string): Promise<boolean> {
    if (await this.table.open(tx, openedRun(spec, at, project))) return true;
    const before = await this.table.lock(tx, spec.id);
    if (!before) return false;
    const run = described(before, spec);
    if (run !== before) await this.table.save(tx, before, run);
    return false;
  }

  /** The stages that have begun meanwhile hear that the run is over. */
  private async refuse(tx: EntityManager, event: ReceivedEvent, runId: string, refusal: Failure): Promise<void> {
    const before = await this.table.lock(tx, runId);
    if (!before) throw new Error(`the row of run ${runId} is gone`);
    const failure = refusal.toDetail();
    const { run, closing } = stageFailed(before, instantOf(event), { stage: 'trainer', failure });
    await this.table.save(tx, before, run);
    if (closing) await sayClosing({ outbox: this.outbox, tx, causationId: event.id }, run, closing);
  }

  /** A request that came in at the broker is said again by this service when the broker loses it. */
  private async adopt(tx: EntityManager, event: ReceivedEvent, spec: AcceptedRunSpec): Promise<void> {
    const { id, source, time, project, streamSequence } = event;
    if (streamSequence === undefined) return;
    await this.outbox.adopt(tx, TrainRequested, spec, { id, source, time, project, runId: spec.id, streamSequence });
  }

  private async reject(
    tx: EntityManager,
    { runId, problems: found }: { runId: string; problems: readonly SpecProblem[] },
    at: string,
    { id: causationId, project }: ReceivedEvent,
  ): Promise<void> {
    const problems = found.slice(0, longestList).map(({ field, message }) => ({
      field: shortened(field, 200),
      message: shortened(message, 500),
    }));
    // Nothing is said when the id is taken: the word would reach those who wait for the other run.
    if (!(await this.table.open(tx, rejectedRun(runId, problems, at, project)))) return;
    await this.outbox.add(tx, RunRejected, { runId, problems }, { runId, causationId, project });
  }
}

/** When it happened, by a clock that is at most this one's: a foreign client may send any time, or none that can be read. */
function instantOf({ time }: ReceivedEvent): string {
  const told = Date.parse(time);
  const now = Date.now();
  return new Date(Number.isNaN(told) ? now : Math.min(told, now)).toISOString();
}

/** The cut may fall into a pair of surrogates, and half a pair can neither be stored nor read. */
function shortened(text: string, length: number): string {
  return text.slice(0, length).toWellFormed();
}
