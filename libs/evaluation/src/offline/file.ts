import { stat } from 'node:fs/promises';
import { Failure } from '@anneal/contracts';

/** @throws Failure BENCHMARK_INVALID when there is no such file */
export async function requireFile(path: string): Promise<void> {
  if ((await stat(path).catch(() => undefined))?.isFile()) return;
  throw new Failure('BENCHMARK_INVALID', `${path} is no file that can be read.`, {
    remedy: 'Check the path.',
    file: path,
  });
}
