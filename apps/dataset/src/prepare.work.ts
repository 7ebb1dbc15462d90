import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ArtifactStore } from '@anneal/artifacts';
import {
  DatasetPrepared,
  Failure,
  type AcceptedRunSpec,
  type DataReport,
  type PreparedDataset,
} from '@anneal/contracts';
import {
  findTokenizer,
  prepareSetInThread,
  setKey,
  stageSource,
  summaryOf,
  type Reach,
  type SetInput,
  type SourceField,
  type StagedSource,
} from '@anneal/datasets';
import { benchmarkTexts, requireChecked } from '@anneal/evaluation';
import { Outbox, type ClaimedJob, type Completion, type WorkContext } from '@anneal/jobs';
import { ProgressPublisher } from '@anneal/messaging';
import { CONFIG, type StageWork } from '@anneal/service';
import { Inject, Injectable } from '@nestjs/common';
import type { DatasetConfig } from './dataset.config.js';
import { toDatasetFailure } from './dataset.failure.js';
import { MissingPieces } from './missing.pieces.js';
import type { PrepareInput } from './prepare.input.js';
import { PreparedSetTable } from './prepared-set.table.js';
import { harnessOf, reachOf } from './reach.js';

/** How the work tells how far it is. */
type Tell = (phase: string, done?: number) => void;

interface Made {
  readonly key: string;
  readonly dataset: PreparedDataset;
}

/** Brings the source here, checks and splits its rows, and stores the set that the trainer uses as it is. */
@Injectable()
export class PrepareDatasetWork implements StageWork<PrepareInput> {
  constructor(
    @Inject(CONFIG) private readonly config: DatasetConfig,
    private readonly store: ArtifactStore,
    private readonly sets: PreparedSetTable,
    private readonly outbox: Outbox,
    private readonly progress: ProgressPublisher,
  ) {}

  async run(job: ClaimedJob<PrepareInput>, context: WorkContext): Promise<Completion> {
    const { spec } = job.input;
    const tell: Tell = (phase, done) =>
      this.progress.publish({
        runId: job.runId,
        stage: 'dataset',
        at: new Date().toISOString(),
        attempt: job.attempt,
        phase,
        ...(done === undefined ? {} : { done, unit: 'rows' }),
      });
    tell('fetching');
    const ofRun = join(this.config.WORK_DIR, 'dataset', job.runId);
    // A folder of its own for each claim: an earlier owner that was only frozen must not write into these files.
    const directory = join(ofRun, job.token);
    await rm(ofRun, { recursive: true, force: true });
    await mkdir(directory, { recursive: true });
    try {
      const { key, dataset } = await this.prepare(spec, directory, context.signal, tell);
      return async (tx) => {
        await this.sets.insert(tx, key, dataset);
        await this.outbox.add(tx, DatasetPrepared, { runId: job.runId, spec, dataset }, job);
      };
    } finally {
      // The source is cheap to read again, so nothing is kept for a next attempt.
      await rm(directory, { recursive: true, force: true });
      // Left alone while a later owner works in it.
      await rmdir(ofRun).catch(() => undefined);
    }
  }

  toFailure(error: unknown): Failure {
    return toDatasetFailure(error);
  }

  private async prepare(spec: AcceptedRunSpec, directory: string, signal: AbortSignal, tell: Tell): Promise<Made> {
    const input = await this.gather(spec, directory, signal);
    const { source, heldOutFrom } = input;
    const sourceDigest = await digestOf(source);
    const key = setKey(input, { source: sourceDigest, heldOutFrom: heldOutFrom && (await digestOf(heldOutFrom)) });
    const before = await this.madeBefore(key);
    if (before) return { key, dataset: { ...before, source: spec.dataset.source } };
    const set = join(directory, 'prepared');
    const onRows = (rows: number): void => tell('checking', rows);
    const report = await prepareSetInThread(input, { directory: set, signal, onRows });
    if (report.refusal) throw Failure.fromDetail(report.refusal);
    if (holdsOut(spec) && report.heldOut === 0) throw nothingHeldOut(source.name, report);
    tell('storing', report.rows);
    const artifact = await this.store.putDirectory('dataset', set, { signal });
    return { key, dataset: { artifact, source: spec.dataset.source, sourceDigest, ...countsOf(report) } };
  }

  /** Brings everything here that decides what the set is. */
  private async gather(spec: AcceptedRunSpec, directory: string, signal: AbortSignal): Promise<SetInput> {
    const { dataset, training, model } = spec;
    const reach: Reach = reachOf(this.config, this.store);
    const stage = (source: string, field: SourceField): Promise<StagedSource> =>
      stageSource({ ...dataset, source }, { field, directory: join(directory, field), signal, reach });
    const missing = new MissingPieces();
    const source = await missing.unlessMissing(stage(dataset.source, 'dataset.source'));
    const elsewhere = holdsOut(spec) ? dataset.heldOutFrom : undefined;
    const heldOutFrom =
      elsewhere === undefined ? undefined : await missing.unlessMissing(stage(elsewhere, 'dataset.heldOutFrom'));
    const { texts, unchecked } = await benchmarkTexts(spec, {
      ...{ reach, harness: harnessOf(this.config), directory: join(directory, 'benchmarks'), signal },
    });
    if (reach.offline) for (const { failure } of unchecked) missing.note(failure);
    await missing.demandNone(spec, reach);
    requireChecked(spec, { unchecked });
    if (!source) throw new Error('a source that is missing was not noticed');
    return {
      source,
      dataset,
      training,
      heldOut: holdsOut(spec) && elsewhere === undefined ? dataset.heldOut : 0,
      heldOutFrom,
      tokenizer: await findTokenizer(model, reach, signal),
      benchmarks: texts,
      uncheckedBenchmarks: unchecked,
    };
  }

  /** A set that was made of the same input, as long as the store still has it. */
  private async madeBefore(key: string): Promise<PreparedDataset | undefined> {
    const dataset = await this.sets.find(key);
    if (!dataset) return undefined;
    try {
      await this.store.readManifest(dataset.artifact);
      return dataset;
    } catch (error) {
      if (error instanceof Failure && error.code === 'ARTIFACT_MISSING') return undefined;
      throw error;
    }
  }
}

function holdsOut({ evaluation }: AcceptedRunSpec): boolean {
  return evaluation.benchmarks.some(({ name }) => name === 'held-out');
}

function countsOf(report: DataReport): Pick<PreparedDataset, 'rows' | 'characters' | 'report'> {
  const { rows: read, train, heldOut, fromElsewhere, characters } = report;
  const duplicates = report.duplicates.exact + report.duplicates.near;
  // Rows that are held out from another source are not among those that were read.
  const dropped = read - train - (heldOut - fromElsewhere) - duplicates;
  return { rows: { read, train, heldOut, duplicates, dropped }, characters, report: summaryOf(report) };
}

function nothingHeldOut(file: string, { train, format }: DataReport): Failure {
  const why = format.name === 'text' ? ': plain text has no answers that could be asked for' : '';
  return new Failure(
    'DATASET_EMPTY',
    `${file} has ${train} usable rows, of which none can be held out for the evaluation${why}.`,
    {
      remedy:
        'Give more rows of questions and answers without tools, raise dataset.heldOut, or name another benchmark in evaluation.benchmarks.',
      field: 'dataset.heldOut',
      file,
    },
  );
}

/** The digest of all bytes that were read, one file after the other. */
async function digestOf({ files }: StagedSource): Promise<string> {
  const hash = createHash('sha256');
  for (const { path } of files) await pipeline(createReadStream(path), hash, { end: false });
  return hash.digest('hex');
}
