import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Failure } from '@anneal/contracts';

export type Split = 'test' | 'validation';

const endings = '\\.(parquet|jsonl|jsonl\\.gz|json)$';
/** A whole split comes before the questions of single subjects, and those before a sample. */
const forms: Record<Split, readonly RegExp[]> = {
  test: [
    new RegExp(`^test(-\\d+-of-\\d+)?${endings}`),
    new RegExp(`^[a-z-]+-test${endings}`),
    new RegExp(`^sample[a-z0-9-]*${endings}`),
  ],
  validation: [new RegExp(`^validation(-\\d+-of-\\d+)?${endings}`)],
};
/** A download from the Hub has its files in `data`. */
const places = ['', 'data', 'hf', join('hf', 'data')];

/**
 * The files of a split, in the order of their names.
 *
 * @param path a folder, or one file: then it is the test split, and the other one is looked for beside it
 */
export async function filesOf(path: string, split: Split): Promise<string[]> {
  const isFile = (await stat(path).catch(() => undefined))?.isFile() ?? false;
  if (isFile && split === 'test') return [path];
  const directory = isFile ? dirname(path) : path;
  for (const form of forms[split]) {
    for (const place of places) {
      const folder = join(directory, place);
      const names = await readdir(folder).catch(() => []);
      const found = names.filter((name) => form.test(name)).toSorted();
      if (found.length > 0) return found.map((name) => join(folder, name));
    }
  }
  throw new Failure('BENCHMARK_INVALID', `${path} has no ${split} file of MMLU-Pro.`, {
    remedy: `Put ${split}.parquet, ${split}.jsonl or ${split}.json there, or data/${split}-00000-of-00001.parquet as the Hub has it.`,
    file: path,
  });
}
