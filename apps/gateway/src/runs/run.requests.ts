import { isDeepStrictEqual } from 'node:util';
import {
  acceptRunSpec,
  CancelRequested,
  Failure,
  isFinal,
  PauseRequested,
  ResumeRequested,
  RetryRequested,
  stageNames,
  TrainRequested,
  type AcceptedRunSpec,
  type RunSpec,
  type RunState,
  type StageName,
} from '@anneal/contracts';
import { newUuidV7, Outbox } from '@anneal/jobs';
import { publishingOffline } from '@anneal/outbound';
import { CONFIG, isOffline } from '@anneal/service';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { GatewayConfig } from '../gateway.config.js';
import { FitCheck } from '../estimates/fit.check.js';
import type { Caller } from '../keys/caller.js';
import { RunFeed } from '../watch/run.feed.js';
import { sayClosing } from './run.closing.js';
import { openedRun, type RunRecord } from './run.record.js';
import { toJson } from './run.row.js';
import { cancelled, paused, resumed, retried, retriedFrom } from './run-state.js';
import { runNotFound, RunTable } from './run.table.js';

/** What callers of the API want to happen. Each wish is one transaction: the row, and the event that tells the others. */
@Injectable()
export class RunRequests {
  constructor(
    @Inject(CONFIG) private readonly config: GatewayConfig,
    private readonly dataSource: DataSource,
    private readonly outbox: Outbox,
    private readonly table: RunTable,
    private readonly feed: RunFeed,
    private readonly fit: FitCheck,
  ) {}

  /**
   * Starts a run. Asked again with the same id and the same RunSpec, it answers with the run that is there.
   *
   * @throws Failure RUN_CONFLICT when the id belongs to a run with another RunSpec, SOURCE_OFFLINE when it cannot be
   * published, DOES_NOT_FIT for a new one that fits on no host, unless it is forced
   */
  async start(spec: RunSpec, project: string): Promise<{ run: RunRecord; created: boolean }> {
    if (spec.id === undefined || !(await this.table.find(spec.id))) await this.fit.demand(spec);
    return this.dataSource.transaction((tx) => this.startIn(tx, spec, project));
  }

  /** Starts a run in a transaction that does more: see {@link start}. */
  async startIn(tx: EntityManager, spec: RunSpec, project: string): Promise<{ run: RunRecord; created: boolean }> {
    // Runs sort by the time at which they were asked for.
    const accepted = acceptRunSpec(spec, spec.id ?? newUuidV7());
    const refusal = isOffline(this.config) ? publishingOffline(accepted.publish) : undefined;
    if (refusal) throw refusal;
    const opened = openedRun(accepted, new Date().toISOString(), project);
    if (await this.table.open(tx, opened)) {
      // The event comes back to this service's own consumer, which finds the row and does nothing.
      await this.outbox.add(tx, TrainRequested, accepted, { runId: opened.id, project });
      return { run: opened, created: true };
    }
    const present = await this.table.lock(tx, opened.id);
    if (present?.project === project && sameSpec(present.spec, accepted)) return { run: present, created: false };
    throw new Failure('RUN_CONFLICT', `There is a run with the id "${opened.id}" and another RunSpec.`, {
      remedy: 'Choose another id, or leave it out to be given a new one.',
      field: 'id',
    });
  }

  /**
   * Ends a run without a model.
   *
   * @throws Failure RUN_NOT_FOUND, or RUN_CONFLICT when the run has ended already
   */
  async cancel(id: string, by: Caller): Promise<RunRecord> {
    return this.change(id, by, 'cancelled', async (tx, before) => {
      if (isFinal(before.state)) return undefined;
      const { run, closing } = cancelled(before, new Date().toISOString(), by.keyId);
      const causationId = await this.outbox.add(
        tx,
        CancelRequested,
        { runId: id, by: by.keyId },
        { runId: id, project: by.project },
      );
      if (closing) await sayClosing({ outbox: this.outbox, tx, causationId }, run, closing);
      return run;
    });
  }

  /**
   * Lets a run wait: a training writes a checkpoint and stops, and no stage begins anything new.
   *
   * @throws Failure RUN_NOT_FOUND, or RUN_CONFLICT when the run is not running
   */
  async pause(id: string, by: Caller): Promise<RunRecord> {
    return this.change(id, by, 'paused', async (tx, before) => {
      if (before.state !== 'running') return undefined;
      const run = paused(before);
      await this.outbox.add(
        tx,
        PauseRequested,
        { runId: id, by: by.keyId, turn: run.turn },
        { runId: id, project: by.project },
      );
      return run;
    });
  }

  /** @throws Failure RUN_NOT_FOUND, or RUN_CONFLICT when the run is not paused */
  async resume(id: string, by: Caller): Promise<RunRecord> {
    return this.change(id, by, 'resumed', async (tx, before) => {
      if (before.state !== 'paused') return undefined;
      const run = resumed(before);
      await this.outbox.add(
        tx,
        ResumeRequested,
        { runId: id, by: by.keyId, turn: run.turn },
        { runId: id, project: by.project },
      );
      return run;
    });
  }

  /**
   * Lets a failed run go on from its last good stage; or a run that is over and published nothing, from a stage that is
   * named, which works again, as do those after it.
   *
   * @throws Failure RUN_NOT_FOUND, or RUN_CONFLICT when the run is in no state for it
   */
  async retry(id: string, by: Caller, from?: StageName): Promise<RunRecord> {
    return this.change(id, by, 'retried', async (tx, before) => {
      if (!mayBeRetried(before, from)) return undefined;
      const run = from === undefined ? retried(before) : retriedFrom(before, from);
      const word = { runId: id, by: by.keyId, turn: run.turn, ...(from === undefined ? {} : { from }) };
      await this.outbox.add(tx, RetryRequested, word, { runId: id, project: by.project });
      return run;
    });
  }

  /** One transaction with the run's row locked: of two wishes that do not go together the first one is done. */
  private async change(
    id: string,
    { project }: Caller,
    done: string,
    step: (tx: EntityManager, before: RunRecord) => Promise<RunRecord | undefined>,
  ): Promise<RunRecord> {
    const changed = await this.dataSource.transaction(async (tx) => {
      const before = await this.table.lock(tx, id);
      if (before?.project !== project) throw runNotFound(id);
      const run = await step(tx, before);
      if (!run) throw cannotBe(done, id, before.state);
      await this.table.save(tx, before, run);
      return run;
    });
    this.feed.changed(id);
    return changed;
  }
}

/** @throws Failure RUN_CONFLICT for what no state of the run tells */
function mayBeRetried({ id, state, stages, publishedTo }: RunRecord, from: StageName | undefined): boolean {
  if (from === undefined && isFinal(state) && state !== 'failed' && state !== 'rejected') {
    throw new Failure('RUN_CONFLICT', `The run "${id}" is ${state}: no stage of it failed.`, {
      remedy: 'Name the stage that is to work again, as from, unless the model was published.',
      field: 'from',
    });
  }
  if (from === undefined) return state === 'failed';
  if (!isFinal(state) || state === 'rejected') return false;
  if (publishedTo !== undefined) {
    throw new Failure('RUN_CONFLICT', `The run "${id}" has published its model as ${publishedTo} and is done.`, {
      remedy: 'Start a new run: what is published under this one stays what it is.',
    });
  }
  const before = stages.slice(0, stageNames.indexOf(from)).find((stage) => stage.state !== 'succeeded');
  if (!before) return true;
  throw new Failure(
    'RUN_CONFLICT',
    `The stage ${before.stage} has not done its work, so ${from} has nothing to go on from.`,
    {
      remedy: `Retry from ${before.stage} or from a stage before it.`,
      field: 'from',
    },
  );
}

function cannotBe(done: string, id: string, state: RunState): Failure {
  return new Failure('RUN_CONFLICT', `The run "${id}" is ${state} and cannot be ${done}.`, {
    remedy: 'Look at the run: another request or its own end came first.',
  });
}

function sameSpec(present: AcceptedRunSpec | undefined, asked: AcceptedRunSpec): boolean {
  return isDeepStrictEqual(asStored(present), asStored(asked));
}

/** The stored one went through JSON, so both do before they are compared. */
function asStored(spec: AcceptedRunSpec | undefined): unknown {
  return JSON.parse(toJson(spec) ?? 'null');
}
