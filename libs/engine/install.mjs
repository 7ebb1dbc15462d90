// Installs the pinned Python environment of the engine into the cache folder. As a script it prints what it installed as JSON.
// Plain Node without packages: it runs before `npm ci`.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
// By its path: before `npm ci` there is no @anneal/setup.
import {
  cacheKey,
  defaultCache,
  demandSpace,
  explainFileError,
  findPython,
  installWheels,
  openCache,
  runAsScript,
  runInstaller,
  runProgram,
  SetupError,
  toolEnvironment,
  withLock,
} from '../setup/setup.mjs';

const uvRequirements = fileURLToPath(new URL('uv-requirements.txt', import.meta.url));
const engineRequirements = fileURLToPath(new URL('python/requirements.txt', import.meta.url));

/** @type {import('../setup/setup.mjs').Purpose} */
const purpose = {
  name: 'the engine',
  code: 'ENGINE_MISSING',
  // An installed environment takes 6.2 GB, and uv unpacks into its own folder first (the two share their files by hard links).
  diskBytes: 9e9,
  otherwise: 'another Linux x86_64 machine or a container on one',
};

/** @type {import('../setup/setup.mjs').Purpose} */
const uvPurpose = { ...purpose, name: 'uv, which installs the engine,', diskBytes: 100e6 };

const check = `
import importlib.metadata as metadata
import accelerate, torch, transformers
names = ("axolotl", "accelerate", "torch", "transformers", "peft")
print(", ".join(f"{name} {metadata.version(name)}" for name in names) + f", GPUs: {torch.cuda.device_count()}")
`;

const installed = (dir) => ({
  dir,
  python: join(dir, 'bin', 'python'),
  axolotl: join(dir, 'bin', 'axolotl'),
  accelerate: join(dir, 'bin', 'accelerate'),
});

/**
 * Installs Axolotl with everything it needs, or finds it installed.
 * @param {import('./install.mjs').InstallOptions} [options]
 * @returns {Promise<import('./install.mjs').InstalledEngine>}
 */
export async function installEngine({ cache = defaultCache(), log = () => {} } = {}) {
  const requirements = readFileSync(engineRequirements, 'utf8');
  const dir = join(cache, `engine-${cacheKey(requirements, process.platform, process.arch)}`);
  const marker = join(dir, '.ok');
  if (existsSync(marker)) return { ...installed(dir), cached: true };
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new SetupError(
      purpose.code,
      `The engine runs on Linux x86_64 only, and this is ${process.platform} on ${process.arch}.`,
      `Use ${purpose.otherwise}.`,
    );
  }
  openCache(cache);
  return withLock(dir, log, async () => {
    if (existsSync(marker)) return { ...installed(dir), cached: true };
    try {
      // A virtual environment cannot be moved, so it is built in place; without its marker it is half built.
      rmSync(dir, { recursive: true, force: true });
      demandSpace(purpose, cache);
      await fill(dir, requirements, cache, log);
      writeFileSync(marker, `${new Date().toISOString()}\n`);
    } catch (error) {
      throw explainFileError(error, purpose, cache);
    }
    return { ...installed(dir), cached: false };
  });
}

async function fill(dir, requirements, cache, log) {
  const uv = await installUv(cache, log);
  const env = toolEnvironment({ UV_CACHE_DIR: join(cache, 'uv-cache'), UV_PYTHON_INSTALL_DIR: join(cache, 'python') });
  await createVenv({ uv, cache, dir, env, log });
  const packages = requirements.match(/^\S+==/gm)?.length ?? 0;
  log(`Installing Axolotl with PyTorch: ${packages} packages, 3 GB to download, 6.2 GB on disk, into ${dir}.`);
  const started = Date.now();
  const { python } = installed(dir);
  await runInstaller('uv', {
    purpose,
    cache,
    command: uv,
    args: ['pip', 'install', '--python', python, '--no-deps', '--require-hashes', '-r', engineRequirements],
    env,
    cwd: dir,
  });
  log(`Installed in ${Math.round((Date.now() - started) / 1000)} s; checking that it starts.`);
  const remedy = `Run the command again, which installs it anew, or use ${purpose.otherwise}.`;
  const versions = await runProgram('Starting the engine', remedy, {
    purpose,
    cache,
    command: python,
    args: ['-c', check],
    env: toolEnvironment({ AXOLOTL_DO_NOT_TRACK: '1', DO_NOT_TRACK: '1', HF_HUB_OFFLINE: '1' }),
    cwd: dir,
  });
  log(`The engine is ready: ${versions.trim()}.`);
}

/** Installs the pinned uv and gives its path. */
async function installUv(cache, log) {
  const requirements = readFileSync(uvRequirements, 'utf8');
  const dir = join(cache, `uv-${cacheKey(requirements, process.platform, process.arch)}`);
  const uvIn = (folder) => join(folder, 'bin', 'uv');
  const isComplete = (folder) => existsSync(uvIn(folder));
  if (!isComplete(dir)) {
    await installWheels({ purpose: uvPurpose, requirements: uvRequirements, dir, isComplete, log });
  }
  return uvIn(dir);
}

/** Makes an empty virtual environment with a Python 3.12 of this machine, or one that uv fetches. */
async function createVenv({ uv, cache, dir, env, log }) {
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

await runAsScript(import.meta.url, installEngine);
