import { statfs } from 'node:fs/promises';
import type { Registry } from 'prom-client';
import { build } from '../build.js';
import type { AskReadiness } from '../readiness.js';
import { gauge, known } from './gauge.js';

/** Which version runs; always 1. */
export function tellBuild(registry: Registry): void {
  const labels = { version: build.version, build: build.build ?? '' };
  const help = 'Which version runs; always 1.';
  gauge(registry, { name: 'anneal_build_info', help, labelNames: ['version', 'build'] }, () => [{ labels, value: 1 }]);
}

/** Whether the service is ready, and which of the things that it needs answer. */
export function measureReadiness(registry: Registry, readiness: AskReadiness): void {
  // Both gauges of one scrape share one answer.
  let asking: ReturnType<AskReadiness> | undefined;
  const ask = (): ReturnType<AskReadiness> => (asking ??= readiness().finally(() => (asking = undefined)));
  gauge(
    registry,
    { name: 'anneal_ready', help: '1 when the service can work, 0 when it cannot or is being stopped.' },
    async () => [{ value: bit((await ask()).status) }],
  );
  gauge(
    registry,
    {
      name: 'anneal_part_up',
      help: '1 when a thing that the service needs answers it within a second.',
      labelNames: ['part'],
    },
    async () =>
      Object.entries((await ask()).parts).map(([part, { state }]) => ({ labels: { part }, value: bit(state) })),
  );
}

const bit = (state: string): number => (state === 'up' ? 1 : 0);

/** How much room the disk of the work folder has. */
export function measureDisk(registry: Registry, folder: string): void {
  const ofDisk = (name: string, help: string, blocks: 'bavail' | 'blocks'): void =>
    gauge(registry, { name, help }, async () => {
      const found = await statfs(folder).catch(() => undefined);
      return known(found && found[blocks] * found.bsize);
    });
  ofDisk('anneal_work_disk_free_bytes', 'What may still be written to the disk of WORK_DIR.', 'bavail');
  ofDisk('anneal_work_disk_size_bytes', 'Size of the disk of WORK_DIR.', 'blocks');
}
