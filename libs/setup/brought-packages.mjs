// Packages that were fetched on one machine, to be installed on another one of its kind that has no network.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheKey } from './cache.mjs';

/** Written last, when all packages of a folder are there. */
export const packagesNote = 'packages.json';

/**
 * Names a set of packages by its lock file and the kind of machine: with another lock file, nothing is found.
 * @param {string} requirements
 */
export function packagesName(requirements) {
  return cacheKey(readFileSync(requirements, 'utf8'), process.platform, process.arch);
}

/**
 * Where pip and uv are to look for the packages of a requirements file: in the folder where they were brought, and nowhere
 * else; or, where there is none, as they are used to.
 * @param {{cache: string, requirements: string}} asked
 * @returns {string[]} arguments
 */
export function packagesFrom({ cache, requirements }) {
  const folder = join(cache, 'packages', packagesName(requirements));
  return existsSync(join(folder, packagesNote)) ? ['--no-index', '--find-links', folder] : [];
}
