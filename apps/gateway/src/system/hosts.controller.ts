import type { HostsView } from '@anneal/contracts';
import { deviceOverview } from '@anneal/devices';
import { Controller, Get } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { By, type Caller } from '../keys/caller.js';

/** Hosts and their devices: what holds each, and who waits in line. */
@Controller('api/hosts')
export class HostsController {
  constructor(private readonly dataSource: DataSource) {}

  /** Everybody who shares the devices sees who has them, by project; a run is named to its own project. */
  @Get()
  async view(@By() caller: Caller): Promise<HostsView> {
    const { hosts, queue } = await deviceOverview(this.dataSource);
    const seen = <Owner extends { runId?: string | undefined; project: string }>(one: Owner): Owner => {
      if (caller.scope === 'admin' || one.project === caller.project) return one;
      const { runId: _run, ...rest } = one;
      return rest as Owner;
    };
    const withUse = <Device extends { use?: Parameters<typeof seen>[0] | undefined }>(device: Device): Device =>
      device.use === undefined ? device : { ...device, use: seen(device.use) };
    return {
      hosts: hosts.map((host) => ({ ...host, gpus: host.gpus.map(withUse), cpu: withUse(host.cpu) })),
      queue: queue.map(seen),
    };
  }
}
