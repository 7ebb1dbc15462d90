import { hostname } from 'node:os';
import { detectGpus } from '@anneal/compute';
import { CONFIG } from '@anneal/service';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { TrainerConfig } from '../trainer.config.js';

export type DeviceKind = 'cpu' | 'gpu';

/** The trainings of one host that compete with each other: those on its GPUs, or those on its CPU. */
export interface DevicePool {
  readonly host: string;
  readonly device: DeviceKind;
  /** The CPU is one. */
  readonly indices: readonly number[];
}

/** Trainings that a service with GPUs holds, running and waiting. Each one that waits costs a row and a heartbeat. */
const heldWithGpus = 32;

/** What this host has to train on. */
@Injectable()
export class HostDevices implements OnModuleInit {
  private gpus: readonly number[] = [];

  constructor(@Inject(CONFIG) private readonly config: TrainerConfig) {}

  onModuleInit(): Promise<void> {
    return this.look();
  }

  /** Looks again: a GPU may be lost while the service runs, or not be there yet when it starts. */
  async look(): Promise<void> {
    if (this.config.DEVICE === 'auto') this.gpus = (await detectGpus()).map(({ index }) => index);
  }

  /** As of the last look. */
  pool(device: DeviceKind): DevicePool {
    const host = this.config.HOST_NAME ?? hostname();
    return { host, device, indices: device === 'cpu' ? [0] : this.gpus };
  }

  /** How many trainings are taken on at once. */
  get trainings(): number {
    return this.config.TRAININGS ?? (this.gpus.length === 0 ? 1 : heldWithGpus);
  }
}
