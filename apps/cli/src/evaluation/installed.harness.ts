import { availableParallelism, homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { findEngine, installEngine } from '@anneal/engine/install';
import { findLmEval, installLmEval } from '@anneal/engine/install-lm-eval';
import type { InstalledHarness } from '@anneal/evaluation';
import { isOfflineHere } from '../data/offline.js';

/** lm-eval on this machine, with the tasks of a folder of the user's; it is installed on first use. */
export async function installHarness(include: string | undefined): Promise<InstalledHarness> {
  const log = (line: string): void => void process.stderr.write(`${line}\n`);
  const engine = await installEngine({ log });
  return harnessOf(engine, await installLmEval({ log }), include);
}

/** The same without installing anything; nothing where it is not here. */
export function findHarness(include: string | undefined): InstalledHarness | undefined {
  const [engine, harness] = [findEngine(), findLmEval()];
  return engine && harness ? harnessOf(engine, harness, include) : undefined;
}

function harnessOf(
  engine: InstalledHarness['engine'],
  { packages }: Pick<InstalledHarness, 'packages'>,
  include: string | undefined,
): InstalledHarness {
  const { HF_HOME, HF_ENDPOINT: endpoint, HF_TOKEN: token } = process.env;
  return {
    ...{ engine, packages, threads: availableParallelism() },
    folders: include === undefined ? [] : [resolve(include)],
    // What the user has fetched before serves here, too.
    data: HF_HOME ?? join(homedir(), '.cache', 'huggingface'),
    hub: isOfflineHere() ? undefined : { endpoint, token },
  };
}
