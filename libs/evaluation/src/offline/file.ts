import { stat } from 'node:fs/promises';
import { Failure } from '@anneal/contracts';

/**
 * A pipe is as good as a file.
 *
 * @throws Failure BENCHMARK_INVALID when there is nothing to read from
 */
export async function requireFile(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found && !found.isDirectory()) return;
  throw new Failure('BENCHMARK_INVALID', `${path} is no file that can be read.`, {
    remedy: 'Check the path.',
    file: path,
  });
}
