import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ArtifactStore, type SourceFile } from '@anneal/artifacts';
import { findCompleteCheckpoint, findNewestCheckpoint } from '@anneal/engine';
import type { ClaimedJob, WorkContext } from '@anneal/jobs';
import { CONFIG, LOGGER, type Logger } from '@anneal/service';
import { Inject, Injectable } from '@nestjs/common';
import type { TrainerConfig } from '../trainer.config.js';
import { CheckpointTable } from './checkpoint.table.js';
import type { RunFolder } from './run.folder.js';

const lookMs = 1_000;
/** Parts of the artifact: the checkpoint's own folder, and what the training said up to then. */
const folderName = 'checkpoint';
const eventsName = 'events.jsonl';

/** Keeps checkpoints in the object store, so that a training goes on when its host does not come back. */
@Injectable()
export class StoreCheckpoints {
  constructor(
    @Inject(CONFIG) private readonly config: TrainerConfig,
    @Inject(LOGGER) private readonly log: Logger,
    private readonly store: ArtifactStore,
    private readonly table: CheckpointTable,
  ) {}

  /**
   * Stores the newest checkpoint now and then while a training goes on. A store or database that cannot be reached
   * disturbs no training: it is tried again.
   *
   * @returns what ends it, and resolves when nothing is under way any more
   */
  follow(job: ClaimedJob<unknown>, folder: RunFolder, context: WorkContext): () => Promise<void> {
    const over = new AbortController();
    const done = this.keepOn(job, folder, context, over.signal);
    return () => {
      over.abort();
      return done;
    };
  }

  private async keep(
    { runId, attempt }: Pick<ClaimedJob<unknown>, 'runId' | 'attempt'>,
    folder: RunFolder,
    commit: WorkContext['commit'],
    signal?: AbortSignal,
  ): Promise<void> {
    const newest = await findNewestCheckpoint(folder.of('output'));
    if (!newest) return;
    const stored = await this.table.newest(runId);
    if (stored && stored.step >= newest.step) return;
    const path = join(folder.of('output'), newest.name);
    const files = (await filesBelow(path)).map((name): SourceFile => ({
      path: `${folderName}/${name}`,
      source: join(path, name),
    }));
    const said = await readFile(folder.events);
    const artifact = await this.store.putFiles('checkpoint', [...files, { path: eventsName, source: said }], {
      ...(signal ? { signal } : {}),
    });
    await commit((tx) => this.table.insert(tx, runId, newest.step, artifact));
    this.log.info({ runId, attempt, step: newest.step, bytes: artifact.bytes }, 'a checkpoint is in the object store');
  }

  /** Fetches the newest stored checkpoint when it is ahead of what this host has. Nobody may be training in the folder. */
  async restore(runId: string, folder: RunFolder, signal: AbortSignal): Promise<void> {
    const stored = await this.table.takeNewest(runId);
    if (!stored) return;
    const output = folder.of('output');
    const { checkpoint } = await findCompleteCheckpoint(output);
    if (checkpoint && checkpoint.step >= stored.step) return;
    const fetched = folder.of('fetched');
    await rm(fetched, { recursive: true, force: true });
    await mkdir(output, { recursive: true });
    await this.store.getDirectory(stored.artifact, fetched, { signal });
    const target = join(output, `checkpoint-${stored.step}`);
    await rm(target, { recursive: true, force: true });
    // What was said before the checkpoint belongs to the training, wherever it goes on.
    await writeFile(folder.events, await readFile(join(fetched, eventsName)));
    await rename(join(fetched, folderName), target);
    await rm(fetched, { recursive: true, force: true });
    this.log.info({ runId, step: stored.step }, 'a checkpoint was fetched from the object store');
  }

  private async keepOn(
    job: ClaimedJob<unknown>,
    folder: RunFolder,
    { commit, signal }: WorkContext,
    over: AbortSignal,
  ): Promise<void> {
    const either = AbortSignal.any([signal, over]);
    const everyMs = this.config.CHECKPOINT_UPLOAD_SECONDS * 1000;
    for (let next = 0; !either.aborted;) {
      if (performance.now() >= next && (await this.keepNewest(job, folder, commit, either))) {
        next = performance.now() + everyMs;
      }
      await sleep(lookMs, undefined, { signal: either }).catch(() => undefined);
    }
  }

  /**
   * Stores the newest checkpoint, unless it is there. A failure is only logged.
   *
   * @returns whether there is any
   */
  async keepNewest(
    job: ClaimedJob<unknown>,
    folder: RunFolder,
    commit: WorkContext['commit'],
    signal?: AbortSignal,
  ): Promise<boolean> {
    if (!(await findNewestCheckpoint(folder.of('output')))) return false;
    try {
      await this.keep(job, folder, commit, signal);
    } catch (error) {
      // Axolotl also deletes old checkpoints, at times the one that is being read; there is a newer one then.
      if (!signal?.aborted) this.log.warn({ err: error, runId: job.runId }, 'a checkpoint could not be stored');
    }
    return true;
  }
}

/** Paths of all files below a folder, relative to it. */
async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .toSorted();
}
