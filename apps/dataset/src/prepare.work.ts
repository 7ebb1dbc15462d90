import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ArtifactStore } from '@anneal/artifacts';
import {
  carriedRunSpec,
  DatasetPrepared,
  Failure,
  type AcceptedRunSpec,
  type PreparedDataset,
} from '@anneal/contracts';
import { Outbox, type ClaimedJob, type Completion, type WorkContext } from '@anneal/jobs';
import { ProgressPublisher } from '@anneal/messaging';
import { CONFIG, type StageWork } from '@anneal/service';
import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { DatasetConfig } from './dataset.config.js';
import { toDatasetFailure } from './dataset.failure.js';
import { PreparedFiles } from './prepared.files.js';
import { readRows } from './rows/read.rows.js';
import { stageSource } from './sources/stage.source.js';

export const prepareInput = z.object({ spec: carriedRunSpec });
export type PrepareInput = z.infer<typeof prepareInput>;

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
    const directory = join(this.config.WORK_DIR, 'dataset', job.runId);
    // A killed attempt may have left half a set; the source is cheap to read again.
    await rm(directory, { recursive: true, force: true });
    await mkdir(directory, { recursive: true });
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
    const dataset = await this.prepare(spec, directory, context.signal, tell);
    await rm(directory, { recursive: true, force: true });
    return async (tx) => {
      await this.outbox.add(tx, DatasetPrepared, { runId: job.runId, spec, dataset }, job);
    };
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
    const source = await stageSource(spec.dataset, { directory, signal, config: this.config });
    const holdsOut = spec.evaluation.benchmarks.some(({ name }) => name === 'held-out');
    const files = await PreparedFiles.create(join(directory, 'prepared'), holdsOut ? spec.dataset.heldOut : 0);
    try {
      for await (const conversation of readRows(source, spec.dataset)) {
        signal.throwIfAborted();
        await files.add(conversation);
        if (files.read % 1000 === 0) tell('checking', files.read);
      }
    } finally {
      await files.close();
    }
    const { rows, characters } = files.finish(source.name);
    if (holdsOut && rows.heldOut === 0) throw nothingHeldOut(source.name, rows.train);
    tell('storing', rows.read);
    const artifact = await this.store.putDirectory('dataset', files.directory, { signal });
    return { artifact, source: spec.dataset.source, sourceDigest: await digestOf(source.path), rows, characters };
  }
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

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
