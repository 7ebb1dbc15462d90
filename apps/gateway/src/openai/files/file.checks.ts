import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ArtifactStore } from '@anneal/artifacts';
import { Failure } from '@anneal/contracts';
import { checkTrainingFile } from '@anneal/rows';
import { CONFIG, LOGGER, type Logger } from '@anneal/service';
import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { GatewayConfig } from '../../gateway.config.js';
import { storedName, type FileRow } from './file.row.js';
import { FileTable, type CheckedFile } from './file.table.js';
import { passingFolders } from './leftovers.js';

const tryAgainMs = 5_000;
/** Another process of the gateway may have been stopped before it looked at a file that it took. */
const lookAgainMs = 30_000;
const atOnce = 100;

/** Looks at the rows of every new file, one file after the other; what a stop interrupts is looked at after the start. */
@Injectable()
export class FileChecks implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly stopping = new AbortController();
  private working: Promise<void> | undefined;
  private again = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: GatewayConfig,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly store: ArtifactStore,
    private readonly table: FileTable,
  ) {}

  onApplicationBootstrap(): void {
    this.wake();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    clearTimeout(this.timer);
    await this.working;
  }

  /** There is a new file. */
  wake(): void {
    this.again = true;
    if (this.working || this.stopping.signal.aborted) return;
    clearTimeout(this.timer);
    this.working = this.work()
      .catch((error: unknown) => {
        this.logger.warn({ err: error }, 'files could not be checked and are looked at again');
        this.again = true;
      })
      .finally(() => {
        this.working = undefined;
        if (this.stopping.signal.aborted) return;
        this.timer = setTimeout(() => this.wake(), this.again ? tryAgainMs : lookAgainMs);
      });
  }

  private async work(): Promise<void> {
    while (this.again && !this.stopping.signal.aborted) {
      this.again = false;
      const files = await this.table.unchecked(atOnce);
      this.again ||= files.length === atOnce;
      for (const file of files) {
        if (this.stopping.signal.aborted) return;
        await this.table.checked(file.id, await this.check(file).catch((error: unknown) => unreadable(error)));
      }
    }
  }

  private async check({ artifact, filename }: FileRow): Promise<CheckedFile> {
    const parent = join(this.config.WORK_DIR, passingFolders.checked);
    await mkdir(parent, { recursive: true });
    const folder = await mkdtemp(join(parent, 'file-'));
    try {
      const directory = join(folder, 'content');
      await this.store.getDirectory(artifact, directory, { signal: this.stopping.signal });
      const { rows, characters, objective, problems } = await checkTrainingFile(join(directory, storedName), filename);
      if (problems.length === 0) return { status: 'processed', details: undefined, rows, characters, objective };
      return {
        status: 'error',
        details: problems.map(({ message }) => message).join(' '),
        rows,
        characters,
        objective,
      };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

/** A file that cannot be had from the store must not keep those behind it from being checked. */
function unreadable(error: unknown): CheckedFile {
  if (!(error instanceof Failure) || error.isOutage) throw error;
  return { status: 'error', details: `${error.message} ${error.remedy}`, rows: 0, characters: 0, objective: undefined };
}
