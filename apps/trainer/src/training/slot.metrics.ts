import { detectGpus, isHeld, slotFile } from '@anneal/compute';
import { CONFIG, METRICS, type Metrics } from '@anneal/service';
import { Inject, Injectable } from '@nestjs/common';
import type { TrainerConfig } from '../trainer.config.js';

const form = {
  name: 'anneal_device_slots',
  help: 'Devices of this host by whether their lock is held. A training on several GPUs holds that of the first one.',
  labelNames: ['device', 'state'],
};

/** Tells how many devices of this host are in use, by whatever service of it. */
@Injectable()
export class SlotMetrics {
  private gpus: Promise<readonly number[]> | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: TrainerConfig,
    @Inject(METRICS) metrics: Metrics,
  ) {
    metrics.ofOwn(form, async () => [
      ...(await this.count('cpu', ['cpu'])),
      ...(await this.count('gpu', await this.devices())),
    ]);
  }

  private async count(device: string, names: readonly ('cpu' | number)[]) {
    const held = await Promise.all(names.map((name) => isHeld(slotFile(this.config.WORK_DIR, name))));
    if (held.includes(undefined)) return [];
    const inUse = held.filter(Boolean).length;
    return [
      { labels: { device, state: 'held' }, value: inUse },
      { labels: { device, state: 'free' }, value: held.length - inUse },
    ];
  }

  /** Asked once: a host does not grow GPUs while it runs, and asking may take seconds. */
  private devices(): Promise<readonly number[]> {
    const none = this.config.DEVICE === 'cpu';
    this.gpus ??= none ? Promise.resolve([]) : detectGpus().then((gpus) => gpus.map(({ index }) => index));
    return this.gpus;
  }
}
