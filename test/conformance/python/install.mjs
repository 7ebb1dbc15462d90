// Installs the pinned official Python client into the cache folder. As a script it prints where it is as JSON.
// Plain Node without packages, like every installer.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  defaultCache,
  environmentFolder,
  installEnvironment,
  runAsScript,
  runProgram,
  toolEnvironment,
} from '../../../libs/setup/setup.mjs';

const requirements = fileURLToPath(new URL('requirements.txt', import.meta.url));

/** @type {import('../../../libs/setup/setup.mjs').Purpose} */
const purpose = {
  name: 'the Python client of the conformance tests',
  code: 'CONFIG_INVALID',
  diskBytes: 150e6,
  otherwise: 'a platform that has wheels of all its packages',
};

/**
 * Installs the client, or finds it installed.
 * @param {import('./install.mjs').InstallOptions} [options]
 * @returns {Promise<import('./install.mjs').InstalledClient>}
 */
export async function installPythonClient({ cache = defaultCache(), log = () => {} } = {}) {
  const dir = environmentFolder({ cache, thing: 'client', requirements });
  const finish = (python) => checkThatItStarts(python, log);
  const cached = await installEnvironment({ purpose, requirements, dir, finish, log });
  return { dir, python: join(dir, 'bin', 'python'), cached };
}

async function checkThatItStarts(python, log) {
  const dir = dirname(dirname(python));
  const version = await runProgram('Starting the Python client', 'Run the command again, which installs it anew.', {
    purpose,
    cache: dirname(dir),
    command: python,
    args: ['-c', 'import openai; print(openai.__version__)'],
    env: toolEnvironment(),
    cwd: dir,
  });
  log(`The Python client is ready: openai ${version.trim()}.`);
}

await runAsScript(import.meta.url, installPythonClient);
