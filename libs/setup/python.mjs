import { readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { SetupError } from './setup-error.mjs';
import { run, toolEnvironment } from './steps.mjs';

const probeLimitMs = 20_000;
const hasPip = "sys.version_info >= (3, 9) and __import__('importlib.util').util.find_spec('pip')";

/**
 * Interpreters worth trying, best first: the one asked for, those on the PATH, those that pyenv keeps off the PATH.
 * @param {Record<string, string | undefined>} [environment]
 * @returns {string[]}
 */
export function interpreters(environment = process.env) {
  const pyenv = join(environment.PYENV_ROOT || join(homedir(), '.pyenv'), 'versions');
  return [
    ...(environment.ANNEAL_PYTHON ? [environment.ANNEAL_PYTHON] : []),
    'python3.12',
    'python3',
    'python',
    // A distribution often keeps pip for its own python3 while another python3 comes first in PATH.
    '/usr/bin/python3',
    ...versionsIn(pyenv).map((version) => join(pyenv, version, 'bin', 'python3')),
  ];
}

/**
 * The path of the first interpreter for which a Python expression (with `sys` at hand) is true.
 * @param {string} test
 * @param {readonly string[]} [candidates]
 * @returns {Promise<string | undefined>}
 */
export async function findPython(test, candidates = interpreters()) {
  const probe = `import sys\nif ${test}: print(sys.executable)`;
  for (const candidate of candidates) {
    const ended = await run(candidate, ['-c', probe], { env: toolEnvironment(), timeout: probeLimitMs });
    const path = ended.status === 0 ? ended.stdout.trim() : '';
    if (path) return path;
  }
  return undefined;
}

/**
 * A Python >= 3.9 that has pip: enough to fetch a pinned wheel. One that ANNEAL_PYTHON names has to be such a Python.
 * @param {{named?: string, candidates?: readonly string[]}} [choice]
 * @returns {Promise<string>}
 */
export async function findPip({ named = process.env.ANNEAL_PYTHON, candidates = interpreters() } = {}) {
  const python = await findPython(hasPip, named ? [named] : candidates);
  if (python) return python;
  if (named) {
    throw new SetupError(
      'SETUP_PYTHON_MISSING',
      `ANNEAL_PYTHON names ${named}, which is no Python 3.9 or newer with pip.`,
      'Set ANNEAL_PYTHON to a Python that has pip, or unset it.',
    );
  }
  throw new SetupError(
    'SETUP_PYTHON_MISSING',
    'No Python 3.9 or newer with pip was found.',
    'Install one (Debian, Ubuntu: apt-get install python3-pip), or set ANNEAL_PYTHON to it.',
  );
}

function versionsIn(folder) {
  try {
    return readdirSync(folder).sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  } catch {
    return [];
  }
}
