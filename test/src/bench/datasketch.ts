import { fileURLToPath } from 'node:url';
import { defaultCache, environmentFolder, installEnvironment, packagesIn } from '@anneal/setup';

const requirements = fileURLToPath(new URL('../../src/bench/datasketch-requirements.txt', import.meta.url));

/**
 * Installs the MinHash that pipelines in Python usually take, or finds it installed.
 *
 * @returns the folder of its packages, which stand on those of the engine
 */
export async function installDatasketch(): Promise<string> {
  const dir = environmentFolder({ cache: defaultCache(), thing: 'datasketch', requirements });
  const purpose = {
    name: 'datasketch',
    code: 'CONFIG_INVALID',
    diskBytes: 100e6,
    otherwise: 'another machine',
  } as const;
  await installEnvironment({ purpose, requirements, dir, log: (line) => process.stderr.write(`${line}\n`) });
  return packagesIn(dir);
}
