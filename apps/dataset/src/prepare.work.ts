import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ArtifactStore } from '@anneal/artifacts';
import { DatasetPrepared, Failure, type AcceptedRunSpec, type PreparedDataset } from '@anneal/contracts';
import { PreparedFiles, readRows, stageSource, type SourceField, type StagedSource } from '@anneal/datasets';
import { Outbox, type ClaimedJob, type Completion, type WorkContext } from '@anneal/jobs';
import { ProgressPublisher } from '@anneal/messaging';
import { CONFIG, type StageWork } from '@anneal/service';
import { Inject, Injectable } from '@nestjs/common';
import type { DatasetConfig } from './dataset.config.js';
import { toDatasetFailure } from './dataset.failure.js';
import type { PrepareInput } from './prepare.input.js';
import { reachOf } from './reach.js';

/** Brings the source here, checks and splits its rows, and stores the set that the trainer uses as it is. */
@Injectable()
export class PrepareDatasetWork implements StageWork<PrepareInput> {
  constructor(
    @Inject(CONFIG) private readonly config: DatasetConfig,
    private readonly store: ArtifactStore,
    private readonly outbox: Outbox,
    private readonly progress: ProgressPublisher,
  ) {}

  async run(job: ClaimedJob<PrepareInput>, context: WorkContext): Promise<Completion> {
    const { spec } = job.input;
    const tell = (phase: string, done?: number): void =>
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
      const dataset = await this.prepare(spec, directory, context.signal, tell);
      return async (tx) => {
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

  private async prepare(
    spec: AcceptedRunSpec,
    directory: string,
    signal: AbortSignal,
    tell: (phase: string, done?: number) => void,
  ): Promise<PreparedDataset> {
    const { dataset } = spec;
    const reach = reachOf(this.config, this.store);
    const stage = (source: string, field: SourceField): Promise<StagedSource> =>
      stageSource({ ...dataset, source }, { field, directory: join(directory, field), signal, reach });
    const source = await stage(dataset.source, 'dataset.source');
    const holdsOut = spec.evaluation.benchmarks.some(({ name }) => name === 'held-out');
    const heldOutFrom = holdsOut ? dataset.heldOutFrom : undefined;
    const share = holdsOut && heldOutFrom === undefined ? dataset.heldOut : 0;
    const files = await PreparedFiles.create(join(directory, 'prepared'), share);
    try {
      if (heldOutFrom !== undefined)
        await holdOut(files, await stage(heldOutFrom, 'dataset.heldOutFrom'), dataset, signal);
      for await (const conversation of readRows(source, dataset)) {
        signal.throwIfAborted();
        await files.add(conversation);
        if (files.read % 1000 === 0) tell('checking', files.read);
      }
      const { rows, characters } = await files.finish(source.name);
      if (holdsOut && rows.heldOut === 0) throw nothingHeldOut(source.name, rows.train);
      tell('storing', rows.read);
      const artifact = await this.store.putDirectory('dataset', files.directory, { signal });
      return { artifact, source: dataset.source, sourceDigest: await digestOf(source), rows, characters };
    } finally {
      await files.close();
    }
  }
}

/** Holds out the rows of a source of their own; how many rows are trained on is no limit for them. */
async function holdOut(
  files: PreparedFiles,
  source: StagedSource,
  dataset: AcceptedRunSpec['dataset'],
  signal: AbortSignal,
): Promise<void> {
  for await (const conversation of readRows(source, { ...dataset, limit: undefined })) {
    signal.throwIfAborted();
    files.holdOut(conversation);
  }
  if (files.heldOut > 0) return;
  throw new Failure('DATASET_EMPTY', `${source.name} has no row to hold out.`, {
    remedy: 'Give a source with at least one row, or leave out dataset.heldOutFrom.',
    field: 'dataset.heldOutFrom',
    file: source.name,
  });
}

function nothingHeldOut(file: string, rows: number): Failure {
  return new Failure(
    'DATASET_EMPTY',
    `${file} has ${rows} usable rows, of which none can be held out for the evaluation.`,
    {
      remedy: 'Give more rows, raise dataset.heldOut, or name an own set in evaluation.benchmarks.',
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
