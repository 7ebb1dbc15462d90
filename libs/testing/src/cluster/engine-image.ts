import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { installedEngine } from '../installed-engine.js';

/** What needs nothing but Python is run by a real one. */
const real = ['anneal_engine.pod_runner', 'anneal_engine.merge_steps'];

/**
 * What the image of a pod holds, in a folder: a real Python, which runs the real pod runner, and a stand-in for what the
 * runner starts.
 *
 * @returns paths of its python and of the engine's code, or why there are none
 */
export function makeEngineImage(
  folder: string,
  standIn: { python: string },
): { python: string; code: string } | string {
  const engine = installedEngine();
  const candidates = ['python3', ...(typeof engine === 'string' ? [] : [engine.python])];
  const version = 'import sys; print(sys.executable) if sys.version_info >= (3, 10) else sys.exit(1)';
  for (const candidate of candidates) {
    const found = spawnSync(candidate, ['-c', version], { encoding: 'utf8' });
    if (found.status !== 0) continue;
    mkdirSync(join(folder, 'bin'), { recursive: true });
    const python = join(folder, 'bin', 'python');
    const lines = [
      ...['#!/bin/sh', 'case "$2" in'],
      `${real.join('|')}) exec '${found.stdout.trim()}' "$@" ;;`,
      ...[`*) exec '${standIn.python}' "$@" ;;`, 'esac', ''],
    ];
    writeFileSync(python, lines.join('\n'));
    chmodSync(python, 0o755);
    for (const program of ['accelerate', 'axolotl']) {
      const standInProgram = join(dirname(standIn.python), program);
      if (existsSync(standInProgram)) symlinkSync(standInProgram, join(folder, 'bin', program));
    }
    // Below the image's folder, and not where the checkout is: that may be the mount of a volume by its name.
    symlinkSync(join(import.meta.dirname, '..', '..', '..', 'engine', 'python'), join(folder, 'code'));
    return { python, code: join(folder, 'code') };
  }
  return 'there is no Python 3.10 or newer for the pod runner';
}
