// Brings Debian's package of Prometheus into a cache folder, for the tests: unpacked, not installed, and without root.
//   node install.mjs        prints { dir, prometheus, promtool, cached } as JSON
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import {
  cacheKey,
  defaultCache,
  demandSpace,
  explainFileError,
  openCache,
  runAsScript,
  runProgram,
  SetupError,
  withLock,
} from '@anneal/setup';

/** @type {import('@anneal/setup').Purpose} */
const purpose = {
  name: 'Prometheus',
  code: 'SERVER_START_FAILED',
  diskBytes: 200e6,
  otherwise: 'a machine with Debian packages',
};

/**
 * Makes sure that Prometheus and promtool are in the cache, in the version that the archive of this machine has now, and
 * says where. Any number of processes may call it at once.
 * @param {{cache?: string, log?: (line: string) => void}} [options]
 * @returns {Promise<import('./install.mjs').InstalledPrometheus>}
 */
export async function installPrometheus({ cache = defaultCache(), log = () => {} } = {}) {
  openCache(cache);
  const { name, options } = await findPackage(cache, log);
  const dir = join(cache, `prometheus-${cacheKey(name)}`);
  if (isComplete(dir)) return { ...binariesIn(dir), cached: true };
  return withLock(dir, log, async () => {
    if (isComplete(dir)) return { ...binariesIn(dir), cached: true };
    demandSpace(purpose, cache);
    log('Prometheus is missing: 19 MB to download, once.');
    try {
      await unpack(cache, dir, options);
    } catch (error) {
      throw explainFileError(error, purpose, cache);
    }
    return { ...binariesIn(dir), cached: false };
  });
}

/**
 * The package by its file and hash, and how apt is to be asked for it: by the lists of this machine, which asks nobody, or
 * where those were removed, as images do, by lists of our own.
 */
async function findPackage(cache, log) {
  const listed = await offered(cache, []).catch(() => undefined);
  if (listed) return { name: listed, options: [] };
  const options = ownLists(cache);
  const known = await offered(cache, options).catch(() => undefined);
  if (known) return { name: known, options };
  log('Reading the lists of the Debian archive, once.');
  await apt(cache, [...options, 'update'], cache);
  const name = await offered(cache, options);
  if (!name) throw noPackage();
  return { name, options };
}

async function offered(cache, options) {
  const uri = (await apt(cache, [...options, 'download', '--print-uris', 'prometheus'], cache)).trim();
  const [, file, , hash] = uri.split(' ');
  return file && hash ? `${file} ${hash}` : undefined;
}

function ownLists(cache) {
  const state = join(cache, 'apt', 'state');
  const store = join(cache, 'apt', 'cache');
  mkdirSync(join(state, 'lists', 'partial'), { recursive: true });
  mkdirSync(join(store, 'archives', 'partial'), { recursive: true });
  // Root's apt fetches under an account of its own, which may not write here.
  const account = `APT::Sandbox::User=${userInfo().username}`;
  return ['-o', `Dir::State=${state}`, '-o', `Dir::Cache=${store}`, '-o', account];
}

async function unpack(cache, dir, options) {
  const unfinished = mkdtempSync(join(cache, '.prometheus-unfinished-'));
  try {
    // Where root calls it, apt fetches under an account of its own.
    chmodSync(unfinished, 0o755);
    await apt(cache, [...options, 'download', 'prometheus'], unfinished);
    const archive = readdirSync(unfinished).find((name) => name.endsWith('.deb'));
    if (!archive) throw noPackage();
    const tree = join(unfinished, 'tree');
    mkdirSync(tree);
    await step(cache, 'Unpacking Prometheus', 'dpkg-deb', ['-x', join(unfinished, archive), tree]);
    const { prometheus, promtool } = binariesIn(tree);
    for (const program of [prometheus, promtool])
      await step(cache, `Starting ${program.slice(tree.length + 1)}`, program, ['--version']);
    rmSync(dir, { recursive: true, force: true });
    renameSync(tree, dir);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

async function apt(cache, args, cwd) {
  try {
    return await step(cache, 'apt-get', 'apt-get', ['-q', '-o', 'Acquire::Retries=1', ...args], cwd);
  } catch (error) {
    if (error instanceof SetupError && error.code === purpose.code) throw noPackage(error);
    throw error;
  }
}

function step(cache, what, command, args, cwd = cache) {
  return runProgram(what, `Use ${purpose.otherwise}.`, { purpose, cache, command, args, cwd });
}

function noPackage(cause) {
  return new SetupError(
    'SETUP_NETWORK',
    `apt has no package of Prometheus here${cause ? ` (${cause.message})` : ''}.`,
    'Run apt-get update on a Debian machine with a way to its archive; the rest of the tests needs none of it.',
    { cause },
  );
}

function isComplete(dir) {
  const { prometheus, promtool } = binariesIn(dir);
  return existsSync(prometheus) && existsSync(promtool);
}

function binariesIn(dir) {
  return { dir, prometheus: join(dir, 'usr', 'bin', 'prometheus'), promtool: join(dir, 'usr', 'bin', 'promtool') };
}

await runAsScript(import.meta.url, installPrometheus);
