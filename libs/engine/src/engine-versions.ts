import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { EngineLocation } from './engine-environment.js';

/** The packages on which it depends what a model answers. */
const deciding = ['torch', 'transformers', 'tokenizers', 'vllm'];

/**
 * Versions of what computes answers, by the records of installed packages (https://packaging.python.org/en/latest/specifications/recording-installed-packages/).
 * Starting Python to ask it would take longer than a small measurement. None for an environment without such records.
 */
export async function engineVersions({ python }: EngineLocation): Promise<Record<string, string>> {
  const library = join(dirname(dirname(python)), 'lib');
  const versions: Record<string, string> = {};
  for (const name of await readdir(library).catch(() => [])) {
    if (!name.startsWith('python3.')) continue;
    for (const record of await readdir(join(library, name, 'site-packages')).catch(() => [])) {
      const [, distribution = '', version = ''] = /^([^-]+)-(.+)\.dist-info$/.exec(record) ?? [];
      if (deciding.includes(distribution)) versions[distribution] = version;
    }
  }
  return versions;
}

/** Versions of the engine's packages, as its lock file has them. */
export async function lockedPackages(): Promise<Record<string, string>> {
  const lock = await readFile(join(import.meta.dirname, '..', 'python', 'requirements.txt'), 'utf8');
  return Object.fromEntries(
    [...lock.matchAll(/^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)/gm)].map(([, name = '', version = '']) => [
      name,
      version,
    ]),
  );
}
