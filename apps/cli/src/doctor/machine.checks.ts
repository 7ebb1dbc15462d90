import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { dirname } from 'node:path';
import { detectGpus } from '@anneal/compute';
import type { Check, Finding } from './check.js';

const GB = 1e9;
/** A small model is trained in 4 GB; the services and servers take one more. */
const leastMemory = 5 * GB;
/** Below the first nothing works for long, below the second no base model of a usual size fits. */
const diskLimits = { broken: 1 * GB, warning: 20 * GB };

/** What has to be right about the machine itself. */
export function machineChecks(folders: { data: string; cache: string }): Check[] {
  return [
    { name: 'node', run: async () => nodeFinding(process.versions.node) },
    { name: 'memory', run: async () => memoryFinding(totalmem()) },
    { name: 'gpu', run: gpuFinding },
    { name: 'disk of the data', run: () => diskOf(folders.data, '--data') },
    { name: 'disk of the cache', run: () => diskOf(folders.cache, 'ANNEAL_CACHE') },
  ];
}

export function nodeFinding(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return { state: 'ok', message: `Node ${version}.` };
  return { state: 'broken', message: `Node ${version} is too old.`, remedy: 'Install Node 20.19 or newer.' };
}

export function memoryFinding(bytes: number): Finding {
  const message = `${gigabytes(bytes)} of memory.`;
  if (bytes >= leastMemory) return { state: 'ok', message };
  return { state: 'warning', message, remedy: 'Trainings of even small models need about 5 GB: use a larger machine.' };
}

async function gpuFinding(): Promise<Finding> {
  const gpus = await detectGpus();
  if (gpus.length === 0) {
    return {
      state: 'warning',
      message: 'nvidia-smi shows no GPU, so trainings run on the CPU.',
      remedy: 'That is enough for a small model; for others install the NVIDIA driver, or use a machine with a GPU.',
    };
  }
  const named = gpus.map(({ name, memoryMiB }) => `${name} with ${Math.round(memoryMiB / 1024)} GiB`);
  return { state: 'ok', message: `${gpus.length} of ${[...new Set(named)].join(' and ')}.` };
}

async function diskOf(folder: string, option: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(nearest(folder));
  return diskFinding(bavail * bsize, folder, option);
}

export function diskFinding(free: number, folder: string, option: string): Finding {
  const message = `${gigabytes(free)} free for ${folder}.`;
  const remedy = `Free some space there, or name a folder on a larger disk (${option}).`;
  if (free < diskLimits.broken) return { state: 'broken', message, remedy };
  return free < diskLimits.warning ? { state: 'warning', message, remedy } : { state: 'ok', message };
}

/** A folder that is made later lies on the disk of the one that is there. */
function nearest(folder: string): string {
  return existsSync(folder) ? folder : nearest(dirname(folder));
}

function gigabytes(bytes: number): string {
  return `${(bytes / GB).toFixed(bytes < 10 * GB ? 1 : 0)} GB`;
}
