import { createHash } from 'node:crypto';
import { accessSync, constants, mkdirSync, statfsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { gigabytes } from './explain.mjs';
import { SetupError } from './setup-error.mjs';

/**
 * The folder that keeps what is downloaded once per machine, between runs and checkouts.
 * @param {Record<string, string | undefined>} [environment]
 */
export function defaultCache(environment = process.env) {
  if (environment.ANNEAL_CACHE) return resolve(environment.ANNEAL_CACHE);
  return resolve(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'anneal');
}

/**
 * Names a folder of the cache by what it is made of: the first 12 hex digits of a SHA-256.
 * @param {...(string | Uint8Array)} parts
 */
export function cacheKey(...parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex').slice(0, 12);
}

/**
 * Creates a folder of the cache unless it is there, and makes sure that it can be written.
 * @param {string} folder
 */
export function openCache(folder) {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    const full = error.code === 'ENOSPC' || error.code === 'EDQUOT';
    throw new SetupError(
      full ? 'DISK_FULL' : 'CONFIG_INVALID',
      `The cache folder ${folder} cannot be written (${error.code}).`,
      full
        ? 'Free some space, or set ANNEAL_CACHE to a folder on a larger disk.'
        : 'Make it writable for this account, or set ANNEAL_CACHE to another folder.',
      { cause: error },
    );
  }
}

/**
 * Fails before a long download when the disk of the cache cannot hold the result.
 * @param {import('./setup.mjs').Purpose} purpose
 * @param {string} cache
 */
export function demandSpace({ name, diskBytes }, cache) {
  const { bavail, bsize } = statfsSync(cache);
  const free = bavail * bsize;
  if (free >= diskBytes) return;
  throw new SetupError(
    'DISK_FULL',
    `Only ${gigabytes(free)} are free in ${cache}, too little for ${name}.`,
    `Free ${gigabytes(diskBytes)} there, or set ANNEAL_CACHE to a folder on a larger disk.`,
  );
}
