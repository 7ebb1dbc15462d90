import { hostname, totalmem } from 'node:os';
import { detectGpus, type Gpu } from '@anneal/compute';
import { z } from 'zod';

export type DeviceKind = 'cpu' | 'gpu';

/** For the configuration of services that use devices. */
export const hostConfigShape = {
  HOST_NAME: z
    .string()
    .min(1)
    .max(255)
    .optional()
    .describe('Name of the host, for which its GPUs are given out; what the system says when left out.'),
} as const;

/** What this host has to compute on, as far as a service may use it. */
export class HostDevices {
  readonly name: string;
  /** Of the machine, for what computes on the CPU. */
  readonly memoryMiB = totalmem() / 1024 ** 2;
  private found: readonly Gpu[] = [];

  constructor(private readonly config: { readonly HOST_NAME?: string | undefined; readonly DEVICE: 'auto' | 'cpu' }) {
    this.name = config.HOST_NAME ?? hostname();
  }

  /** As of the last look. */
  get gpus(): readonly Gpu[] {
    return this.found;
  }

  /** Looks again: a GPU may be lost while the service runs, or not be there yet when it starts. */
  async look(): Promise<readonly Gpu[]> {
    if (this.config.DEVICE === 'auto') this.found = await detectGpus();
    return this.found;
  }
}
