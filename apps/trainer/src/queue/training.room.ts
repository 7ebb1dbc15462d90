import { HostDevices } from '@anneal/devices';
import { CONFIG } from '@anneal/service';
import { Inject, Injectable } from '@nestjs/common';
import type { TrainerConfig } from '../trainer.config.js';

/** Trainings that a service with GPUs holds, running and waiting. Each one that waits costs a row and a heartbeat. */
const heldWithGpus = 32;

/** How many trainings this service holds at once, running and waiting. */
@Injectable()
export class TrainingRoom {
  private held = 0;

  constructor(
    @Inject(CONFIG) private readonly config: TrainerConfig,
    private readonly devices: HostDevices,
  ) {}

  get most(): number {
    return this.config.TRAININGS ?? (this.devices.gpus.length === 0 ? 1 : heldWithGpus);
  }

  /** How many more it would take on. */
  get open(): number {
    return this.most - this.held;
  }

  /** @returns what is called when the training is held no more */
  enter(): () => void {
    this.held += 1;
    return () => {
      this.held -= 1;
    };
  }
}
