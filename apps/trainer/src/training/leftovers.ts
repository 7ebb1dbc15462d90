import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { adoptProcess } from '@anneal/compute';
import { CONFIG, LOGGER, type Logger } from '@anneal/service';
import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import type { TrainerConfig } from '../trainer.config.js';
import { RunFolder } from './run.folder.js';

const states = z.array(z.object({ state: z.string() }));
/** The folder of a failed training is kept for a look at its logs. */
const keepFailedMs = 7 * 24 * 60 * 60 * 1000;
const killGraceMs = 5_000;

/** Trainings of this host that nobody wants any more: one may have been cancelled while the service was down. */
@Injectable()
export class Leftovers implements OnApplicationBootstrap {
  constructor(
    @Inject(CONFIG) private readonly config: TrainerConfig,
    @Inject(LOGGER) private readonly log: Logger,
    private readonly dataSource: DataSource,
  ) {}

  onApplicationBootstrap(): void {
    this.sweepSoon();
  }

  /** Sweeps without making anybody wait. */
  sweepSoon(): void {
    this.sweep().catch((error: unknown) =>
      this.log.warn({ err: error }, 'what is left of old trainings could not be removed'),
    );
  }

  /** Kills the trainings whose job is over, and removes their folders. */
  async sweep(): Promise<void> {
    const runIds = await readdir(join(this.config.WORK_DIR, 'trainer')).catch(() => []);
    for (const runId of runIds) {
      const state = await this.stateOf(runId);
      // A folder without a row may be another installation's.
      if (state === undefined || state === 'ready' || state === 'running') continue;
      const folder = new RunFolder(this.config.WORK_DIR, runId);
      const process = await adoptProcess(folder.process);
      if (process && !('ended' in process)) {
        this.log.info({ runId, state }, 'a training whose job is over is killed');
        await process.kill(killGraceMs);
      }
      if (state === 'failed' && (await isYoung(folder.path))) continue;
      await rm(folder.path, { recursive: true, force: true });
    }
  }

  private async stateOf(runId: string): Promise<string | undefined> {
    const found = await this.dataSource.query<unknown>(`SELECT state FROM job WHERE run_id = $1 AND kind = 'train'`, [
      runId,
    ]);
    return states.parse(found)[0]?.state;
  }
}

async function isYoung(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs < keepFailedMs;
}
