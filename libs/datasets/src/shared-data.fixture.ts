import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Where sets of real data are on this machine: ANNEAL_TEST_DATA, or shared/data in a folder above. They are no part of the
 * project; tests over them are skipped where they are absent.
 */
export function sharedData(): string | undefined {
  const named = process.env['ANNEAL_TEST_DATA'];
  if (named) return named;
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    const candidate = join(folder, 'shared', 'data');
    if (existsSync(join(candidate, 'math-qa'))) return candidate;
  }
  process.stderr.write(
    'Tests over real data are skipped: set ANNEAL_TEST_DATA to the folder of mmlu-pro and math-qa.\n',
  );
  return undefined;
}
