// What the two installers of the engine share. Plain Node >= 20.19: it runs before any npm package is there.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, statfsSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** An error whose message is one sentence that says what went wrong and what to do. */
export class InstallError extends Error {}

/** The folder for everything that is downloaded once per machine. */
export function defaultCache() {
  return resolve(process.env.ANNEAL_CACHE || join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'anneal'));
}

/** The first 12 hex digits of the SHA-256 over the parts. */
export function shortHash(...parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex').slice(0, 12);
}

/** Names of interpreters worth trying: the one asked for, those on the PATH, those that pyenv keeps off the PATH. */
function interpreterCandidates() {
  const pyenv = join(process.env.PYENV_ROOT || join(homedir(), '.pyenv'), 'versions');
  let kept = [];
  try {
    kept = readdirSync(pyenv).sort().reverse();
  } catch {
    // no pyenv on this machine
  }
  return [
    process.env.ANNEAL_PYTHON,
    'python3.12',
    'python3',
    'python',
    '/usr/bin/python3',
    ...kept.map((version) => join(pyenv, version, 'bin', 'python3')),
  ].filter(Boolean);
}

/** The path of the first interpreter for which the Python expression `test` (with `sys` at hand) is true. */
export function findPython(test) {
  const code = `import sys\nif ${test}: print(sys.executable)`;
  for (const candidate of interpreterCandidates()) {
    const probe = spawnSync(candidate, ['-c', code], { encoding: 'utf8', timeout: 20_000 });
    const path = probe.status === 0 ? probe.stdout.trim() : '';
    if (path) return path;
  }
  return undefined;
}

/** Any Python >= 3.9 that has pip: enough to fetch a pinned wheel. */
export function findPip() {
  const python = findPython("sys.version_info >= (3, 9) and __import__('importlib.util').util.find_spec('pip')");
  if (python) return python;
  throw new InstallError(
    'No python3 (3.9 or newer) with pip was found: install it (Debian and Ubuntu: apt-get install python3 python3-pip) ' +
      'or set ANNEAL_PYTHON to one.',
  );
}

/** The environment for pip and uv: the user's registry and certificate settings stay, foreign Python settings go. */
export function toolEnv(extra = {}) {
  const env = { ...process.env, PIP_USER: '0', PIP_DISABLE_PIP_VERSION_CHECK: '1', ...extra };
  for (const name of ['PYTHONPATH', 'PYTHONHOME', 'VIRTUAL_ENV', 'UV_PYTHON', 'UV_PROJECT_ENVIRONMENT']) {
    if (!(name in extra)) delete env[name];
  }
  return env;
}

/** Runs a command to its end; `what` names the step in the error. Resolves to its standard output. */
export function runStep(what, command, args, options = {}) {
  return new Promise((resolveStep, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk) => (out += chunk));
    child.stderr.on('data', (chunk) => (err = (err + chunk).slice(-20_000)));
    child.on('error', (error) => reject(new InstallError(`${what} could not start ${command}: ${error.message}.`)));
    child.on('close', (code, signal) => {
      if (code === 0) resolveStep(out);
      else reject(new InstallError(explainFailure(what, err || out, code ?? signal)));
    });
  });
}

/** One sentence on why a download or an installation failed. */
export function explainFailure(what, output, code) {
  const last = output.trim().split('\n').slice(-3).join(' | ').trim();
  if (/No space left on device|ENOSPC|os error 28/.test(output)) {
    return `${what} failed because the disk is full: free some space, or point ANNEAL_CACHE at a larger disk.`;
  }
  if (/do(es)? not match|hash mismatch|HashMismatch/i.test(output)) {
    return `${what} failed because a downloaded file has another hash than the pinned one: the registry or a mirror changed it (${last}).`;
  }
  if (
    /dns error|NameResolution|name resolution|error sending request|Connection refused|timed out|Network is unreachable|Could not connect|certificate/i.test(
      output,
    )
  ) {
    return `${what} failed because the package registry could not be reached: check the network, the proxy or the mirror settings of pip and uv (${last}).`;
  }
  return `${what} failed with ${code}: ${last || 'no output'}`;
}

/** Fails early, with a clear sentence, when the disk of `dir` cannot hold `bytes`. */
export function demandSpace(what, dir, bytes) {
  const { bavail, bsize } = statfsSync(dir);
  const free = bavail * bsize;
  if (free >= bytes) return;
  const gigabytes = (n) => (n / 1e9).toFixed(1);
  throw new InstallError(
    `${what} needs ${gigabytes(bytes)} GB but only ${gigabytes(free)} GB are free at ${dir}: ` +
      'free some space, or point ANNEAL_CACHE at a larger disk.',
  );
}

/**
 * Runs `work` while no other process of this machine runs the work of the same name. The lock is an abstract socket
 * (Linux): the kernel gives it back when its holder dies, so that no stale lock can be left behind.
 */
export async function withLock(name, log, work) {
  const server = createServer();
  for (let waits = 0; ; waits += 1) {
    const held = await new Promise((resolveListen, reject) => {
      server.once('error', (error) => (error.code === 'EADDRINUSE' ? resolveListen(false) : reject(error)));
      server.listen(`\0anneal-${shortHash(name)}`, () => resolveListen(true));
    });
    server.removeAllListeners('error');
    if (held) break;
    if (waits === 0) log('Another process is installing the same thing; waiting for it.');
    await sleep(500);
  }
  try {
    return await work();
  } finally {
    server.close();
  }
}

/** Creates the folder, or says which one cannot be written. */
export function ensureDir(dir) {
  try {
    mkdirSync(dir, { recursive: true });
  } catch (error) {
    throw new InstallError(
      `The cache folder ${dir} cannot be made (${error.code}): set ANNEAL_CACHE to a folder you may write to.`,
    );
  }
}

/** Runs an installer as a script: its result as JSON on standard output, messages and the error on standard error. */
export async function runAsScript(install) {
  try {
    console.log(JSON.stringify(await install()));
  } catch (error) {
    console.error(error instanceof InstallError ? error.message : error);
    process.exitCode = 1;
  }
}
