// Installs the pinned Python environment of the engine into the cache folder. As a script it prints what it installed as JSON.
// Plain Node without packages: it runs before `npm ci`.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
// By its path: before `npm ci` there is no @anneal/setup.
import {
  defaultCache,
  environmentFolder,
  installEnvironment,
  isInstalled,
  runAsScript,
  runProgram,
  SetupError,
  toolEnvironment,
} from '../setup/setup.mjs';

const requirements = fileURLToPath(new URL('python/requirements.txt', import.meta.url));

/** @type {import('../setup/setup.mjs').Purpose} */
const purpose = {
  name: 'the engine',
  code: 'ENGINE_MISSING',
  // An installed environment takes 6.2 GB, and uv unpacks into its own folder first (the two share their files by hard links).
  diskBytes: 9e9,
  otherwise: 'another Linux x86_64 machine or a container on one',
};

/** What the engine is installed from. @type {import('../setup/setup.mjs').PackageSet} */
export const enginePackages = { purpose, requirements, environment: true };

const check = `
import importlib.metadata as metadata
import accelerate, torch, transformers
names = ("axolotl", "accelerate", "torch", "transformers", "peft")
print(", ".join(f"{name} {metadata.version(name)}" for name in names) + f", GPUs: {torch.cuda.device_count()}")
`;

/**
 * Installs Axolotl with everything it needs, or finds it installed.
 * @param {import('./install.mjs').InstallOptions} [options]
 * @returns {Promise<import('./install.mjs').InstalledEngine>}
 */
export async function installEngine({ cache = defaultCache(), log = () => {} } = {}) {
  const dir = environmentFolder({ cache, thing: 'engine', requirements });
  if (!isInstalled(dir)) {
    demandPlatform();
    log('The engine is missing: Axolotl with PyTorch, 3 GB to download, 6.2 GB on disk, once.');
  }
  const finish = (python) => checkThatItStarts(python, log);
  const cached = await installEnvironment({ purpose, requirements, dir, finish, log });
  return { ...programsIn(dir), cached };
}

/**
 * The engine, when it is in the cache.
 * @param {{cache?: string}} [options]
 * @returns {import('./install.mjs').InstalledEngine | undefined}
 */
export function findEngine({ cache = defaultCache() } = {}) {
  const dir = environmentFolder({ cache, thing: 'engine', requirements });
  return isInstalled(dir) ? { ...programsIn(dir), cached: true } : undefined;
}

function programsIn(dir) {
  const program = (name) => join(dir, 'bin', name);
  return { dir, python: program('python'), axolotl: program('axolotl'), accelerate: program('accelerate') };
}

function demandPlatform() {
  if (process.platform === 'linux' && process.arch === 'x64') return;
  throw new SetupError(
    purpose.code,
    `The engine runs on Linux x86_64 only, and this is ${process.platform} on ${process.arch}.`,
    `Use ${purpose.otherwise}.`,
  );
}

async function checkThatItStarts(python, log) {
  const dir = dirname(dirname(python));
  const remedy = `Run the command again, which installs it anew, or use ${purpose.otherwise}.`;
  const versions = await runProgram('Starting the engine', remedy, {
    purpose,
    cache: dirname(dir),
    command: python,
    args: ['-c', check],
    env: toolEnvironment({ AXOLOTL_DO_NOT_TRACK: '1', DO_NOT_TRACK: '1', HF_HUB_OFFLINE: '1' }),
    cwd: dir,
  });
  log(`The engine is ready: ${versions.trim()}.`);
}

await runAsScript(import.meta.url, installEngine);
