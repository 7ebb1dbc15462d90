// Installs the pinned Python environment of the engine into the cache folder. As a script it prints what it installed as JSON.
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  defaultCache,
  demandSpace,
  ensureDir,
  findPip,
  findPython,
  InstallError,
  runAsScript,
  runStep,
  shortHash,
  toolEnv,
  withLock,
} from './install-tools.mjs';

const UV_REQUIREMENTS = fileURLToPath(new URL('uv-requirements.txt', import.meta.url));
const ENGINE_REQUIREMENTS = fileURLToPath(new URL('python/requirements.txt', import.meta.url));

// An installed environment takes 6.2 GB, and uv unpacks into its own folder first (the two share their files by hard links).
const ENGINE_DISK_BYTES = 9e9;

const installed = (dir) => ({
  dir,
  python: join(dir, 'bin', 'python'),
  axolotl: join(dir, 'bin', 'axolotl'),
  accelerate: join(dir, 'bin', 'accelerate'),
});

/**
 * Installs Axolotl with everything it needs, or finds it installed.
 * @param {{cache?: string, log?: (message: string) => void}} [options]
 * @returns {Promise<{dir: string, python: string, axolotl: string, accelerate: string, cached: boolean}>}
 */
export async function installEngine({ cache = defaultCache(), log = (message) => console.error(message) } = {}) {
  const requirements = readFileSync(ENGINE_REQUIREMENTS, 'utf8');
  const dir = join(cache, `engine-${shortHash(requirements, process.platform, process.arch)}`);
  const marker = join(dir, '.ok');
  if (existsSync(marker)) return { ...installed(dir), cached: true };
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new InstallError(
      `The engine runs on Linux x86_64 only (this is ${process.platform} ${process.arch}): start Anneal on such a machine or in such a container.`,
    );
  }
  ensureDir(cache);
  return withLock(dir, log, async () => {
    if (existsSync(marker)) return { ...installed(dir), cached: true };
    // A virtual environment cannot be moved, so it is built in place; without its marker it is half built.
    rmSync(dir, { recursive: true, force: true });
    demandSpace('The engine', cache, ENGINE_DISK_BYTES);
    const uv = await installUv(cache, log);
    const env = toolEnv({
      UV_CACHE_DIR: join(cache, 'uv-cache'),
      UV_PYTHON_INSTALL_DIR: join(cache, 'python'),
      UV_NO_PROGRESS: '1',
    });
    await createVenv(uv, cache, dir, env, log);
    const packages = requirements.match(/^\S+==/gm)?.length ?? 0;
    log(`Installing Axolotl with PyTorch: ${packages} packages, 3 GB to download, 6.2 GB on disk, into ${dir}.`);
    const started = Date.now();
    const { python } = installed(dir);
    await runStep(
      'Installing the engine',
      uv,
      ['pip', 'install', '--python', python, '--no-deps', '--require-hashes', '-r', ENGINE_REQUIREMENTS],
      { env, cwd: dir },
    );
    log(`Installed in ${Math.round((Date.now() - started) / 1000)} s; checking that it starts.`);
    const versions = await runStep('Starting the engine', python, ['-c', CHECK], {
      cwd: dir,
      env: toolEnv({ AXOLOTL_DO_NOT_TRACK: '1', DO_NOT_TRACK: '1', HF_HUB_OFFLINE: '1' }),
    });
    log(`The engine is ready: ${versions.trim()}.`);
    writeFileSync(marker, `${new Date().toISOString()}\n`);
    return { ...installed(dir), cached: false };
  });
}

const CHECK = `
import importlib.metadata as metadata
import accelerate, torch, transformers
names = ("axolotl", "accelerate", "torch", "transformers", "peft")
print(", ".join(f"{name} {metadata.version(name)}" for name in names) + f", GPUs: {torch.cuda.device_count()}")
`;

/** Installs the pinned uv and gives its path. */
async function installUv(cache, log) {
  const requirements = readFileSync(UV_REQUIREMENTS, 'utf8');
  const dir = join(cache, `uv-${shortHash(requirements, process.platform, process.arch)}`);
  const uv = join(dir, 'bin', 'uv');
  if (existsSync(uv)) return uv;
  const python = findPip();
  log(`Installing the package installer uv (18 MB) with ${python}.`);
  const temporary = `${dir}.${process.pid}`;
  try {
    // --target needs neither a venv nor ensurepip, and is not stopped by an "externally managed" Python
    await runStep(
      'Installing uv',
      python,
      [
        ...['-m', 'pip', 'install', '--quiet', '--no-deps', '--only-binary=:all:', '--require-hashes', '--no-compile'],
        ...['--target', temporary, '-r', UV_REQUIREMENTS],
      ],
      { env: toolEnv() },
    );
    renameSync(temporary, dir);
  } catch (error) {
    if (!existsSync(uv)) throw error;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  return uv;
}

/** Makes an empty virtual environment with a Python 3.12 of this machine, or one that uv fetches. */
async function createVenv(uv, cache, dir, env, log) {
  const found = findPython('sys.version_info[:2] == (3, 12)');
  log(found ? `Using Python 3.12 at ${found}.` : 'No Python 3.12 on this machine: uv fetches one (30 MB).');
  try {
    await runStep('Making the Python environment', uv, ['venv', '--no-project', '--python', found ?? '3.12', dir], {
      env,
      cwd: cache,
    });
  } catch (error) {
    if (found) throw error;
    throw new InstallError(
      'No Python 3.12 was found and none could be fetched: install Python 3.12 (with pyenv, or your distribution) ' +
        `or set ANNEAL_PYTHON to it. ${error.message}`,
    );
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await runAsScript(() => installEngine());
