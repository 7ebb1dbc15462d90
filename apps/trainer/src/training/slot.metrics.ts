import { isSlotTaken, slotFile } from '@anneal/compute';
import { HostDevices } from '@anneal/devices';
import { CONFIG, METRICS, type Metrics } from '@anneal/service';
import { Inject, Injectable } from '@nestjs/common';
import type { TrainerConfig } from '../trainer.config.js';

const form = {
  name: 'anneal_device_slots',
  help: 'Devices of this host by whether their lock is held.',
  labelNames: ['device', 'state'],
};

/** Tells how many devices of this host are in use, by whatever service of it. */
@Injectable()
export class SlotMetrics {
  constructor(
    @Inject(CONFIG) private readonly config: TrainerConfig,
    @Inject(METRICS) metrics: Metrics,
    devices: HostDevices,
  ) {
    const gpus = (): number[] => devices.gpus.map(({ index }) => index);
    metrics.ofOwn(form, async () => [...this.count('cpu', ['cpu']), ...this.count('gpu', gpus())]);
  }

  private count(device: string, names: readonly ('cpu' | number)[]) {
    const held = names.filter((name) => isSlotTaken(slotFile(this.config.WORK_DIR, name))).length;
    return [
      { labels: { device, state: 'held' }, value: held },
      { labels: { device, state: 'free' }, value: names.length - held },
    ];
  }
}
