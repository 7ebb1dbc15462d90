import { z } from 'zod';

const owner = {
  runId: z.string().optional().describe('Left out for a run of another project, unless an administrator asks.'),
  stage: z.string(),
  project: z.string(),
};

/** What holds a device. */
export const deviceUse = z
  .object({ ...owner, since: z.iso.datetime(), expectedEnd: z.iso.datetime().optional() })
  .meta({ id: 'DeviceUse' });
export type DeviceUse = z.infer<typeof deviceUse>;

export const hostView = z
  .object({
    name: z.string(),
    seenAt: z.iso.datetime(),
    services: z.array(z.string()).describe('Those that use devices of this host.'),
    gpus: z.array(z.object({ index: z.int(), name: z.string(), memoryMiB: z.number(), use: deviceUse.optional() })),
    cpu: z.object({ use: deviceUse.optional() }).describe('One job at a time computes on the CPU of a host.'),
  })
  .meta({ id: 'HostView' });
export type HostView = z.infer<typeof hostView>;

/** A job that waits for devices. */
export const queuedJob = z
  .object({
    ...owner,
    device: z.enum(['cpu', 'gpu']),
    wanted: z.int(),
    priority: z.int(),
    position: z.int().min(1).describe('Its place in line, for this kind of device.'),
    since: z.iso.datetime(),
    startsAt: z.iso.datetime().optional().describe('When it will probably start, as far as that can be foretold.'),
    reservedOn: z.string().optional().describe('The host that keeps GPUs free for it.'),
  })
  .meta({ id: 'QueuedJob' });
export type QueuedJob = z.infer<typeof queuedJob>;

/** The hosts that were heard of lately, and who waits for their devices. */
export const hostsView = z.object({ hosts: z.array(hostView), queue: z.array(queuedJob) }).meta({ id: 'HostsView' });
export type HostsView = z.infer<typeof hostsView>;
