import { Failure, type AcceptedRunSpec } from '@anneal/contracts';

type Wanted = Pick<AcceptedRunSpec['dataset'], 'config' | 'split'>;

const readable = /\.(parquet|jsonl)$/;
const usualSplit = /(^|[^A-Za-z])(train|training|test|testing|valid|validation|dev|eval)([^A-Za-z]|$)/i;
const mostNamed = 5;

/**
 * Chooses the files of a Hub dataset that hold the wanted split: one, or several that follow each other. A set in which
 * no name speaks of a split is a train split, as it is for the Hub itself.
 *
 * @throws Failure DATASET_NOT_FOUND, or SPEC_UNSUPPORTED when it takes a configuration to tell the files apart
 */
export function chooseFiles(paths: readonly string[], name: string, { config, split }: Wanted): string[] {
  const there = paths.filter((path) => readable.test(path));
  const inConfig = config === undefined ? there : there.filter((path) => path.split('/').includes(config));
  const inSplit = inConfig.filter((path) => holdsSplit(path, split));
  const unnamed = split === 'train' && !inConfig.some((path) => usualSplit.test(path));
  const chosen = withoutCopies(inSplit.length > 0 ? inSplit : unnamed ? inConfig : []);
  if (chosen.length === 0) throw noneFits(there, name, { config, split });
  const folders = [...new Set(chosen.map(folderOf))];
  if (folders.length > 1) throw severalConfigs(folders, name, split);
  return chosen.toSorted();
}

/** `train.jsonl`, `train-00000-of-00002.parquet`, `math_train.jsonl`, `train/0000.parquet`; not `train_sft.jsonl`. */
function holdsSplit(path: string, split: string): boolean {
  const parts = path.replace(readable, '').split('/');
  const file = parts.pop() ?? '';
  if (parts.includes(split)) return true;
  const at = file.lastIndexOf(split);
  if (at < 0 || (at > 0 && !/[-._]/.test(file.charAt(at - 1)))) return false;
  return /^([-._]?\d.*)?$/.test(file.slice(at + split.length));
}

/** The same rows are often offered in both formats; parquet says more about its columns. */
function withoutCopies(paths: readonly string[]): readonly string[] {
  const parquet = paths.filter((path) => path.endsWith('.parquet'));
  return parquet.length > 0 ? parquet : paths;
}

function folderOf(path: string): string {
  return path.split('/').slice(0, -1).join('/');
}

function noneFits(there: readonly string[], name: string, { config, split }: Wanted): Failure {
  const where = config === undefined ? '' : ` in configuration "${config}"`;
  const more = there.length > mostNamed ? `, and ${there.length - mostNamed} more` : '';
  const instead = there.length === 0 ? '' : `; it has ${there.slice(0, mostNamed).join(', ')}${more}`;
  return new Failure(
    'DATASET_NOT_FOUND',
    `${name} has no .parquet or .jsonl file for split "${split}"${where}${instead}.`,
    { remedy: 'Check dataset.source, config, split and revision.', field: 'dataset.split' },
  );
}

function severalConfigs(folders: readonly string[], name: string, split: string): Failure {
  return new Failure(
    'SPEC_UNSUPPORTED',
    `${name} keeps split "${split}" in several folders: ${folders.slice(0, mostNamed).join(', ')}.`,
    { remedy: 'Name one of them in dataset.config.', field: 'dataset.config' },
  );
}
