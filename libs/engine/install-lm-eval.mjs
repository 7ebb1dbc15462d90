// Installs lm-eval beside the engine, for those who run its tasks. As a script it prints what it installed as JSON.
import { fileURLToPath } from 'node:url';
import {
  defaultCache,
  environmentFolder,
  installEnvironment,
  isInstalled,
  packagesIn,
  runAsScript,
} from '../setup/setup.mjs';

const requirements = fileURLToPath(new URL('python/lm-eval-requirements.txt', import.meta.url));

/** @type {import('../setup/setup.mjs').Purpose} */
const purpose = {
  name: 'lm-eval',
  code: 'ENGINE_MISSING',
  diskBytes: 500e6,
  otherwise: 'a benchmark that needs no lm-eval',
};

/** What lm-eval is installed from. @type {import('../setup/setup.mjs').PackageSet} */
export const lmEvalPackages = { purpose, requirements, environment: true };

/**
 * Installs the packages of lm-eval that the engine does not have, or finds them installed.
 * @param {import('./install.mjs').InstallOptions} [options]
 * @returns {Promise<{packages: string, cached: boolean}>}
 */
export async function installLmEval({ cache = defaultCache(), log = () => {} } = {}) {
  const dir = environmentFolder({ cache, thing: 'lm-eval', requirements });
  if (!isInstalled(dir)) log('lm-eval is missing: 60 MB to download, 150 MB on disk, once.');
  const cached = await installEnvironment({ purpose, requirements, dir, log });
  return { packages: packagesIn(dir), cached };
}

/**
 * The packages of lm-eval, when they are in the cache.
 * @param {{cache?: string}} [options]
 * @returns {{packages: string} | undefined}
 */
export function findLmEval({ cache = defaultCache() } = {}) {
  const dir = environmentFolder({ cache, thing: 'lm-eval', requirements });
  return isInstalled(dir) ? { packages: packagesIn(dir) } : undefined;
}

await runAsScript(import.meta.url, installLmEval);
