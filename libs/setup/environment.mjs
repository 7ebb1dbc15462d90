import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packagesFrom } from './brought-packages.mjs';
import { cacheKey, demandSpace, openCache } from './cache.mjs';
import { explainFileError } from './explain.mjs';
import { withLock } from './lock.mjs';
import { findPython } from './python.mjs';
import { SetupError } from './setup-error.mjs';
import { runInstaller, toolEnvironment } from './steps.mjs';
import { installWheels } from './wheels.mjs';

const uvRequirements = fileURLToPath(new URL('uv-requirements.txt', import.meta.url));
const buildRequirements = fileURLToPath(new URL('build-requirements.txt', import.meta.url));
const uvPurpose = (name) => ({
  name: `uv, which installs ${name},`,
  code: 'ENGINE_MISSING',
  diskBytes: 100e6,
  otherwise: 'another machine',
});

/** What environments are installed with. @type {import('./setup.mjs').PackageSet} */
export const uvPackages = { purpose: uvPurpose('environments'), requirements: uvRequirements };
const markerOf = (dir) => join(dir, '.ok');
const pythonOf = (dir) => join(dir, 'bin', 'python');

/**
 * Names the environment that a requirements file asks for on this platform: a folder directly below the cache.
 * @param {{cache: string, thing: string, requirements: string}} asked
 */
export function environmentFolder({ cache, thing, requirements }) {
  return join(cache, `${thing}-${cacheKey(readFileSync(requirements, 'utf8'), process.platform, process.arch)}`);
}

/**
 * Whether an environment was installed to its end.
 * @param {string} dir
 */
export function isInstalled(dir) {
  return existsSync(markerOf(dir));
}

/**
 * The folder with the packages of an environment, for a Python that has those on which they stand.
 * @param {string} dir
 */
export function packagesIn(dir) {
  const library = join(dir, 'lib');
  const python = readdirSync(library).find((name) => existsSync(join(library, name, 'site-packages'))) ?? '';
  return join(library, python, 'site-packages');
}

/**
 * Installs pinned packages into a virtual environment of Python 3.12, with the pinned uv, or finds them installed. Any
 * number of processes may do it at once. `finish` checks the environment before others may use it.
 * @param {import('./setup.mjs').EnvironmentInstallation} installation
 * @returns {Promise<boolean>} whether it was there already
 */
export async function installEnvironment({ purpose, requirements, dir, finish, log }) {
  if (isInstalled(dir)) return true;
  const cache = dirname(dir);
  openCache(cache);
  return withLock(dir, log, async () => {
    if (isInstalled(dir)) return true;
    try {
      // A virtual environment cannot be moved, so it is built in place; without its marker it is half built.
      rmSync(dir, { recursive: true, force: true });
      demandSpace(purpose, cache);
      await fill({ purpose, requirements, cache, dir, log });
      await finish?.(pythonOf(dir));
      writeFileSync(markerOf(dir), `${new Date().toISOString()}\n`);
    } catch (error) {
      throw explainFileError(error, purpose, cache);
    }
    return false;
  });
}

async function fill({ purpose, requirements, cache, dir, log }) {
  const uv = await installUv({ purpose, cache, log });
  const env = toolEnvironment({ UV_CACHE_DIR: join(cache, 'uv-cache'), UV_PYTHON_INSTALL_DIR: join(cache, 'python') });
  await createVenv({ uv, purpose, cache, dir, env, log });
  const packages = readFileSync(requirements, 'utf8').match(/^\S+==/gm)?.length ?? 0;
  log(`Installing ${purpose.name}: ${packages} packages into ${dir}.`);
  const started = Date.now();
  const brought = packagesFrom({ cache, requirements });
  // What is built here is built with what this release names, and not with whatever else was brought along.
  const from = brought.length > 0 ? [...brought, '--build-constraints', buildRequirements] : [];
  await runInstaller('uv', {
    purpose,
    cache,
    command: uv,
    args: ['pip', 'install', '--python', pythonOf(dir), '--no-deps', '--require-hashes', ...from, '-r', requirements],
    env,
    cwd: dir,
  });
  log(`Installed in ${Math.round((Date.now() - started) / 1000)} s; checking that it starts.`);
}

/** Installs the pinned uv and gives its path. */
async function installUv({ purpose, cache, log }) {
  const dir = join(cache, `uv-${cacheKey(readFileSync(uvRequirements, 'utf8'), process.platform, process.arch)}`);
  const uvIn = (folder) => join(folder, 'bin', 'uv');
  const isComplete = (folder) => existsSync(uvIn(folder));
  if (!isComplete(dir)) {
    const own = { ...uvPurpose(purpose.name), code: purpose.code, otherwise: purpose.otherwise };
    await installWheels({ purpose: own, requirements: uvRequirements, dir, isComplete, log });
  }
  return uvIn(dir);
}

/** Makes an empty virtual environment with a Python 3.12 of this machine, or one that uv fetches. */
async function createVenv({ uv, purpose, cache, dir, env, log }) {
  const found = await findPython('sys.version_info[:2] == (3, 12)');
  log(found ? `Using Python 3.12 at ${found}.` : 'No Python 3.12 on this machine: uv fetches one (30 MB).');
  const args = ['venv', '--no-project', '--python', found ?? '3.12', dir];
  try {
    await runInstaller('uv', { purpose, cache, command: uv, args, env, cwd: cache });
  } catch (error) {
    if (found || error.code === 'DISK_FULL') throw error;
    throw new SetupError(
      'SETUP_PYTHON_MISSING',
      'No Python 3.12 was found on this machine, and uv could fetch none.',
      'Install Python 3.12 (with pyenv, or from your distribution), or set ANNEAL_PYTHON to one.',
      { cause: error },
    );
  }
}
