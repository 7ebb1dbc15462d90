// Installs the pinned Python programs of these tests into the cache folder: the official client, and Schemathesis. As a
// script it prints where each of them is as JSON. Plain Node without packages, like every installer.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  defaultCache,
  environmentFolder,
  installEnvironment,
  runAsScript,
  runProgram,
  toolEnvironment,
} from '../../../libs/setup/setup.mjs';

const tools = {
  client: { title: 'the Python client', package: 'openai', requirements: 'requirements.txt' },
  schemathesis: {
    title: 'Schemathesis',
    package: 'schemathesis',
    requirements: 'schemathesis-requirements.txt',
  },
};

/**
 * Installs the official Python client, or finds it installed.
 * @param {import('./install.mjs').InstallOptions} [options]
 */
export function installPythonClient(options) {
  return install('client', options);
}

/**
 * Installs Schemathesis, or finds it installed.
 * @param {import('./install.mjs').InstallOptions} [options]
 */
export function installSchemathesis(options) {
  return install('schemathesis', options);
}

/** @returns {Promise<import('./install.mjs').InstalledPython>} */
async function install(thing, { cache = defaultCache(), log = () => {} } = {}) {
  const tool = tools[thing];
  const requirements = fileURLToPath(new URL(tool.requirements, import.meta.url));
  const dir = environmentFolder({ cache, thing, requirements });
  /** @type {import('../../../libs/setup/setup.mjs').Purpose} */
  const purpose = {
    name: `${tool.title} of the conformance tests`,
    code: 'CONFIG_INVALID',
    diskBytes: 150e6,
    otherwise: 'a platform that has wheels of all its packages',
  };
  const finish = (python) => checkThatItStarts(tool, purpose, python, log);
  const cached = await installEnvironment({ purpose, requirements, dir, finish, log });
  return { dir, python: join(dir, 'bin', 'python'), cached };
}

async function checkThatItStarts({ title, package: name }, purpose, python, log) {
  const dir = dirname(dirname(python));
  const version = await runProgram(`Starting ${title}`, 'Run the command again, which installs it anew.', {
    purpose,
    cache: dirname(dir),
    command: python,
    args: ['-c', `import ${name}; from importlib.metadata import version; print(version("${name}"))`],
    env: toolEnvironment(),
    cwd: dir,
  });
  log(`${title.replace(/^t/, 'T')} is ready: ${name} ${version.trim()}.`);
}

await runAsScript(import.meta.url, async (options) => ({
  client: await installPythonClient(options),
  schemathesis: await installSchemathesis(options),
}));
