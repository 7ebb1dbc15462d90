import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Where the benchmark's files are on this machine: MMLU_PRO_DATA, or shared/data/mmlu-pro in a folder above. They are no
 * part of the project; tests over them are skipped where they are absent.
 */
export function mmluData(): string | undefined {
  const named = process.env['MMLU_PRO_DATA'];
  if (named) return named;
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    const candidate = join(folder, 'shared', 'data', 'mmlu-pro');
    if (existsSync(candidate)) return candidate;
  }
  process.stderr.write('Tests over the files of MMLU-Pro are skipped: set MMLU_PRO_DATA to their folder.\n');
  return undefined;
}
