import { spawn } from 'node:child_process';
import { explainOutput, explainProgram } from './explain.mjs';

const keptOutput = 20_000;
const foreignPython = ['PYTHONPATH', 'PYTHONHOME', 'VIRTUAL_ENV', 'UV_PYTHON', 'UV_PROJECT_ENVIRONMENT'];

/**
 * The environment for Python, pip and uv: the user's index, proxy and certificate settings stay, foreign Python settings go.
 * @param {Record<string, string>} [extra]
 * @returns {Record<string, string | undefined>}
 */
export function toolEnvironment(extra = {}) {
  const environment = { ...process.env };
  for (const name of foreignPython) delete environment[name];
  return {
    ...environment,
    PIP_USER: '0',
    PIP_REQUIRE_VIRTUALENV: '0',
    PIP_NO_INPUT: '1',
    PIP_ROOT_USER_ACTION: 'ignore',
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
    UV_NO_PROGRESS: '1',
    ...extra,
  };
}

/**
 * Runs a step of pip or uv to its end; a `SetupError` says why it failed.
 * @param {import('./setup.mjs').Tool} tool
 * @param {import('./setup.mjs').Step} step
 * @returns {Promise<string>} its standard output
 */
export async function runInstaller(tool, { purpose, cache, command, args, ...options }) {
  const { status, stdout, output } = await run(command, args, options);
  if (status !== 0) throw explainOutput({ tool, purpose, cache, output });
  return stdout;
}

/**
 * Runs another program to its end; a `SetupError` says that `what` failed, and gives the remedy.
 * @param {string} what
 * @param {string} remedy
 * @param {import('./setup.mjs').Step} step
 * @returns {Promise<string>} its standard output
 */
export async function runProgram(what, remedy, { purpose, cache, command, args, ...options }) {
  const { status, stdout, output } = await run(command, args, options);
  if (status !== 0) throw explainProgram({ what, remedy, purpose, cache, output });
  return stdout;
}

/**
 * Runs a command to its end; one that cannot be started, or is ended by a signal, has the status null.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 * @returns {Promise<{status: number | null, stdout: string, output: string}>}
 */
export function run(command, args, options = {}) {
  return new Promise((done) => {
    const child = spawn(command, args, { env: toolEnvironment(), ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let output = '';
    const keep = (text) => (output = (output + text).slice(-keptOutput));
    child.on('error', (error) => done({ status: null, stdout, output: `${output}\n${error.message}` }));
    // Without a descriptor left there are no pipes either.
    if (child.stdout === undefined) return;
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
      keep(text);
    });
    child.stderr.setEncoding('utf8').on('data', keep);
    child.on('close', (status, signal) => {
      if (signal) keep(`\nended by ${signal}`);
      done({ status, stdout, output });
    });
  });
}
