import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { OnApplicationBootstrap, OnModuleDestroy, Provider } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import type { Logger } from './logging.js';
import { LOGGER } from './tokens.js';

/** What a job that is tried again finds there saves it time; after that the room is worth more. */
const keepMs = 24 * 60 * 60 * 1000;
const sweepEveryMs = 60 * 60 * 1000;

const found = z.array(z.object({ run_id: z.string(), wanted: z.boolean() }));

/** Folders of runs that ended while nobody attended to them, as when their service was killed and the run cancelled. */
export class FinishedFolders implements OnApplicationBootstrap, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly directory: string,
    private readonly log: Logger,
    private readonly dataSource: DataSource,
  ) {}

  onApplicationBootstrap(): void {
    this.sweepSoon();
    this.timer = setInterval(() => this.sweepSoon(), sweepEveryMs).unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /** Removes the old folders of runs that have no job here any more. One without a row may be another installation's. */
  async sweep(): Promise<void> {
    const names = await readdir(this.directory).catch(() => []);
    const rows = await this.dataSource.query<unknown>(
      `SELECT run_id, bool_or(state IN ('ready', 'running')) AS wanted FROM job WHERE run_id = ANY ($1) GROUP BY run_id`,
      [names],
    );
    for (const { run_id: runId, wanted } of found.parse(rows)) {
      const path = join(this.directory, runId);
      if (!wanted && !(await isYoung(path))) await rm(path, { recursive: true, force: true });
    }
  }

  private sweepSoon(): void {
    this.sweep().catch((error: unknown) =>
      this.log.warn({ err: error }, 'folders of runs that are over could not be removed'),
    );
  }
}

/** For a service that keeps a folder for each run below WORK_DIR/NAME while it works on it. */
export function finishedFoldersProvider({ WORK_DIR }: { WORK_DIR: string }, name: string): Provider {
  return {
    provide: FinishedFolders,
    inject: [LOGGER, DataSource],
    useFactory: (log: Logger, dataSource: DataSource) => new FinishedFolders(join(WORK_DIR, name), log, dataSource),
  };
}

async function isYoung(path: string): Promise<boolean> {
  const entry = await stat(path).catch(() => undefined);
  return entry !== undefined && Date.now() - entry.mtimeMs < keepMs;
}
