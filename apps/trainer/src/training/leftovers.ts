import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CONFIG, LOGGER, type Logger } from '@anneal/service';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { TRAINING_HOST, type TrainingHost } from '../host/training.host.js';
import type { TrainerConfig } from '../trainer.config.js';
import { RunFolder } from './run.folder.js';

const found = z.array(z.object({ state: z.string(), course: z.string().nullable() }));
/** The folder of a failed training is kept for a look at its logs, and for its checkpoints when the run is retried. */
const keepFailedMs = 7 * 24 * 60 * 60 * 1000;
const killGraceMs = 5_000;
/** A run may be cancelled between the look at the start and the first claim; its training is not to go on for long. */
const sweepEveryMs = 10_000;

/** Trainings of this host that nobody attends to: their run was paused or ended while the service was down. */
@Injectable()
export class Leftovers implements OnApplicationBootstrap, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: TrainerConfig,
    @Inject(LOGGER) private readonly log: Logger,
    @Inject(TRAINING_HOST) private readonly host: TrainingHost,
    private readonly dataSource: DataSource,
  ) {}

  onApplicationBootstrap(): void {
    this.sweepSoon();
    this.timer = setInterval(() => this.sweepSoon(), sweepEveryMs).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /** Sweeps without making anybody wait. */
  sweepSoon(): void {
    this.sweep().catch((error: unknown) =>
      this.log.warn({ err: error }, 'what is left of old trainings could not be removed'),
    );
  }

  async sweep(): Promise<void> {
    const runIds = await readdir(join(this.config.WORK_DIR, 'trainer')).catch(() => []);
    for (const runId of runIds) await this.clear(runId);
  }

  /** Ends what still trains for a run that is over or waits, and removes the folder when nobody will want it again. */
  async clear(runId: string): Promise<void> {
    const folder = new RunFolder(this.config.WORK_DIR, runId);
    const job = await this.jobOf(runId);
    // A folder without a row may be another installation's.
    if (job === undefined || job.state === 'running') return;
    if (job.state === 'ready') {
      if (job.course === 'paused') await this.askForCheckpoint(folder);
      return;
    }
    const training = await this.host.leftOver(folder);
    if (training) {
      this.log.info({ runId, state: job.state }, 'a training whose job is over is killed');
      await training.kill(killGraceMs);
    }
    const mayBeRetried = job.state === 'failed' || job.course === 'failed';
    if (mayBeRetried && (await isYoung(folder.path))) return;
    await rm(folder.path, { recursive: true, force: true });
  }

  /** Removes what the training before a retry left, its process first, so that nothing of it is taken for the new one's. */
  async clearOlder(folder: RunFolder, job: { id: string; turn: number }): Promise<void> {
    const found = Number(await readFile(folder.turn, 'utf8').catch(() => '0'));
    if (found === job.turn) return;
    await this.host.clearOlder(job, folder);
    await rm(folder.path, { recursive: true, force: true });
    await mkdir(folder.path, { recursive: true });
    await writeFile(folder.turn, String(job.turn));
  }

  /** A training that was left running when its service stopped, and whose run was paused since. */
  private async askForCheckpoint(folder: RunFolder): Promise<void> {
    await (await this.host.leftOver(folder))?.askToStop();
  }

  private async jobOf(runId: string): Promise<{ state: string; course: string | null } | undefined> {
    const rows = await this.dataSource.query<unknown>(
      `SELECT state, (SELECT course FROM run_course WHERE run_course.run_id = job.run_id) AS course
         FROM job WHERE run_id = $1 AND kind = 'train'`,
      [runId],
    );
    return found.parse(rows)[0];
  }
}

async function isYoung(path: string): Promise<boolean> {
  const entry = await stat(path).catch(() => undefined);
  return entry !== undefined && Date.now() - entry.mtimeMs < keepFailedMs;
}
