import { ArtifactStore } from '@anneal/artifacts';
import { CONFIG, LOGGER, type Logger } from '@anneal/service';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { TrainerConfig } from '../trainer.config.js';
import { RemovalTable } from './removal.table.js';

const sweepEveryMs = 10_000;
/** A removal reads all manifests of the store, so it is done for many checkpoints together. */
const removeEveryMs = 600_000;
/** A removal that takes longer is cut, well before another trainer may take it up. */
const removalMs = 300_000;
const claimSeconds = 900;

/** Removes checkpoints from the object store that no training will go on from, wherever they were trained. */
@Injectable()
export class CheckpointRetention implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly over = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private sweeping: Promise<void> | undefined;
  private removeAt = 0;

  constructor(
    @Inject(CONFIG)
    private readonly config: Pick<
      TrainerConfig,
      'CHECKPOINTS_KEPT' | 'CHECKPOINTS_KEPT_ENDED' | 'CHECKPOINT_FAILED_DAYS'
    >,
    @Inject(LOGGER) private readonly log: Logger,
    private readonly store: ArtifactStore,
    private readonly table: RemovalTable,
  ) {}

  onApplicationBootstrap(): void {
    this.sweepSoon();
    this.timer = setInterval(() => this.sweepSoon(), sweepEveryMs).unref();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    this.over.abort();
    await this.sweeping;
  }

  private sweepSoon(): void {
    this.sweeping ??= this.sweep()
      .catch((error: unknown) => {
        if (!this.over.signal.aborted) this.log.warn({ err: error }, 'old checkpoints could not be removed yet');
      })
      .finally(() => (this.sweeping = undefined));
  }

  /** Drops what need not be kept, and from time to time removes what was dropped. */
  async sweep(): Promise<void> {
    const {
      CHECKPOINTS_KEPT: running,
      CHECKPOINTS_KEPT_ENDED: ended,
      CHECKPOINT_FAILED_DAYS: failedDays,
    } = this.config;
    await this.table.drop({ running, ended, failedDays });
    if (performance.now() < this.removeAt) return;
    this.removeAt = performance.now() + removeEveryMs;
    while (await this.remove());
  }

  /** @returns whether there was anything to remove */
  private async remove(): Promise<boolean> {
    const digests = await this.table.claim(claimSeconds);
    if (digests.length === 0) return false;
    const signal = AbortSignal.any([this.over.signal, AbortSignal.timeout(removalMs)]);
    const removed = await this.store.remove(digests, signal);
    await this.table.removed(digests);
    this.log.info({ checkpoints: digests.length, ...removed }, 'old checkpoints were removed from the object store');
    return true;
  }
}
