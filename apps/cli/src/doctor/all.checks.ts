import { defaultCache } from '@anneal/setup';
import { dataFolder, readEndpoints } from '../gateway/endpoints.js';
import type { Check } from './check.js';
import { hubCheck } from './hub.check.js';
import { installationChecks } from './installation.checks.js';
import { machineChecks } from './machine.checks.js';
import { noSystem, systemChecks, whyNoSystem } from './system.checks.js';

const defaultHub = 'https://huggingface.co';
const skipped = { state: 'skipped', message: 'Not asked (--offline).' } as const;

/** Everything that can be checked of this machine, the installation and the system on a data folder. */
export async function allChecks({ data, offline }: { data?: string | undefined; offline: boolean }): Promise<Check[]> {
  const { HF_ENDPOINT: endpoint = defaultHub, HF_TOKEN: token } = process.env;
  return [
    ...machineChecks({ data: dataFolder(data), cache: defaultCache() }),
    ...installationChecks(),
    ...(await checksOfSystem(data)),
    offline ? { name: 'hub', run: async () => skipped } : hubCheck({ endpoint, token }),
  ];
}

async function checksOfSystem(data: string | undefined): Promise<Check[]> {
  try {
    return systemChecks(await readEndpoints(data));
  } catch (error) {
    const why = whyNoSystem(error);
    if (why === undefined) throw error;
    return noSystem(why);
  }
}
