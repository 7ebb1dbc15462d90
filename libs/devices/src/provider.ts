import type { StageName } from '@anneal/contracts';
import { ProgressPublisher } from '@anneal/messaging';
import { LOGGER, type Logger } from '@anneal/service';
import type { InjectionToken, Provider } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { DeviceQueue } from './device.queue.js';
import { HostDevices } from './host.devices.js';

interface DeviceConfig {
  readonly POSTGRES_URL: string;
  readonly WORK_DIR: string;
  readonly HOST_NAME?: string | undefined;
  /** cpu for a service that uses no GPU. */
  readonly DEVICE?: 'auto' | 'cpu';
}

/**
 * What a service needs to ask for devices.
 *
 * @param open an injectable that says how many more jobs of other hosts it would take on
 */
export function deviceProviders(
  config: DeviceConfig,
  stage: StageName,
  open?: InjectionToken<{ readonly open: number }>,
): Provider[] {
  const { POSTGRES_URL: url, WORK_DIR: workDir, HOST_NAME, DEVICE = 'cpu' } = config;
  return [
    { provide: HostDevices, useFactory: () => new HostDevices({ HOST_NAME, DEVICE }) },
    {
      provide: DeviceQueue,
      inject: [DataSource, LOGGER, ProgressPublisher, HostDevices, ...(open === undefined ? [] : [open])],
      useFactory: (
        dataSource: DataSource,
        log: Logger,
        progress: ProgressPublisher,
        devices: HostDevices,
        room?: { readonly open: number },
      ) =>
        new DeviceQueue({
          ...{ stage, devices, dataSource, url, workDir, progress, log },
          ...(room === undefined ? {} : { open: () => room.open }),
        }),
    },
  ];
}
