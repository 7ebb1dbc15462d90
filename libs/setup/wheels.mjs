import { chmodSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { packagesFrom } from './brought-packages.mjs';
import { openCache } from './cache.mjs';
import { explainFileError } from './explain.mjs';
import { findPip } from './python.mjs';
import { runInstaller, toolEnvironment } from './steps.mjs';

const unfinishedLifetimeMs = 60 * 60 * 1000;
const pinned = ['--quiet', '--no-deps', '--require-hashes'];
const wheelsOnly = '--only-binary=:all:';

/**
 * Installs pinned wheels into a folder of the cache, with any Python that has pip. Any number of processes may do it at
 * once: each fills a folder of its own, and the first one to finish moves it into place. `finish` prepares and checks
 * the folder before that.
 * @param {import('./setup.mjs').WheelInstallation} installation
 */
export async function installWheels({ purpose, requirements, dir, isComplete, finish, log }) {
  const cache = dirname(dir);
  openCache(cache);
  const python = await findPip();
  let unfinished;
  try {
    unfinished = makeUnfinishedFolder(dir);
    log(`Installing ${purpose.name} with ${python} ...`);
    // --target needs no virtual environment (Debian splits ensurepip off) and is not stopped by "externally managed".
    const from = packagesFrom({ cache, requirements });
    const args = ['install', wheelsOnly, '--no-compile', ...from, '--target', unfinished, '-r', requirements];
    await runPip(python, purpose, cache, args);
    // A temporary folder is private, while PostgreSQL may have to run under another account than the one that installs.
    chmodSync(unfinished, 0o755);
    await finish?.(unfinished);
    moveIntoPlace(unfinished, dir, isComplete);
  } catch (error) {
    throw explainFileError(error, purpose, cache);
  } finally {
    if (unfinished) rmSync(unfinished, { recursive: true, force: true });
  }
}

/**
 * Downloads pinned wheels without unpacking them; with `environment`, those that Python 3.12 takes, and the sources of
 * packages that have none.
 * @param {Parameters<typeof import('./setup.mjs').downloadWheels>[0]} download
 * @returns {Promise<string[]>} paths of the files
 */
export async function downloadWheels({ purpose, requirements, cache, into, environment = false }) {
  mkdirSync(into, { recursive: true });
  const kind = environment ? ['--python-version', '3.12'] : [wheelsOnly];
  await runPip(await findPip(), purpose, cache, ['download', ...kind, '-d', into, '-r', requirements]);
  return readdirSync(into).map((name) => join(into, name));
}

function runPip(python, purpose, cache, [verb, ...args]) {
  const { PIP_RETRIES = '2', PIP_TIMEOUT, PIP_DEFAULT_TIMEOUT = PIP_TIMEOUT ?? '20' } = process.env;
  return runInstaller('pip', {
    purpose,
    cache,
    command: python,
    args: ['-m', 'pip', verb, ...pinned, '--retries', PIP_RETRIES, '--timeout', PIP_DEFAULT_TIMEOUT, ...args],
    env: toolEnvironment(),
  });
}

function makeUnfinishedFolder(dir) {
  const cache = dirname(dir);
  // One prefix for all versions of a thing, so that what a killed process left is found by the next one.
  const prefix = `.${basename(dir).split('-', 1)[0]}-unfinished-`;
  for (const name of readdirSync(cache).filter((entry) => entry.startsWith(prefix))) {
    const folder = join(cache, name);
    const changed = statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (Date.now() - changed > unfinishedLifetimeMs) rmSync(folder, { recursive: true, force: true });
  }
  return mkdtempSync(join(cache, prefix));
}

function moveIntoPlace(unfinished, dir, isComplete) {
  try {
    renameSync(unfinished, dir);
  } catch (error) {
    // Another process was faster.
    if (isComplete(dir)) return;
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    // Somebody removed files from an installed folder.
    rmSync(dir, { recursive: true, force: true });
    renameSync(unfinished, dir);
  }
}
