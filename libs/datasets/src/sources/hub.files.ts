import { Failure, type AcceptedRunSpec } from '@anneal/contracts';
import { dataFile } from '../readers/file.format.js';
import type { SourceField } from './source.js';

type Wanted = Pick<AcceptedRunSpec['dataset'], 'config' | 'split'>;

/** What describes a set, beside the files that hold it. */
const description = /(^|\/)(dataset_infos?|dataset_dict|state|config|package|metadata|croissant)\.json$/i;
const usualSplit = /(^|[^A-Za-z])(train|training|test|testing|valid|validation|dev|eval)([^A-Za-z]|$)/i;
const mostNamed = 5;

/**
 * Chooses the files of a folder or of a Hub dataset that hold the wanted split: one, or several that follow each other. A
 * set in which no name speaks of a split is a train split, as it is for the Hub itself.
 *
 * @throws Failure DATASET_NOT_FOUND, or SPEC_UNSUPPORTED when it takes a configuration to tell the files apart
 */
export function chooseFiles(
  paths: readonly string[],
  name: string,
  { config, split }: Wanted,
  field: SourceField = 'dataset.source',
): string[] {
  const there = paths.filter((path) => dataFile.test(path) && !description.test(path));
  const inConfig = config === undefined ? there : there.filter((path) => path.split('/').includes(config));
  const inSplit = inConfig.filter((path) => holdsSplit(path, split));
  const unnamed = split === 'train' && !inConfig.some((path) => usualSplit.test(path));
  const chosen = inOneFormat(inSplit.length > 0 ? inSplit : unnamed ? inConfig : []);
  if (chosen.length === 0) throw noneFits(there, name, { config, split }, field);
  const folders = [...new Set(chosen.map(folderOf))];
  if (folders.length > 1) throw severalConfigs(folders, name, split);
  return chosen.toSorted();
}

/** `train.jsonl`, `train-00000-of-00002.parquet`, `math_train.jsonl`, `train/0000.parquet`; not `train_sft.jsonl`. */
function holdsSplit(path: string, split: string): boolean {
  const parts = path.replace(dataFile, '').split('/');
  const file = parts.pop() ?? '';
  if (parts.includes(split)) return true;
  const at = file.lastIndexOf(split);
  if (at < 0 || (at > 0 && !/[-._]/.test(file.charAt(at - 1)))) return false;
  return /^([-._]?\d.*)?$/.test(file.slice(at + split.length));
}

/** The same rows are often offered in several formats; the first of these says most about its columns. */
function inOneFormat(paths: readonly string[]): readonly string[] {
  for (const format of [/\.parquet/i, /\.(jsonl|ndjson)/i, /\.json/i]) {
    const such = paths.filter((path) => format.test(path.slice(path.lastIndexOf('/') + 1)));
    if (such.length > 0) return such;
  }
  return paths;
}

function folderOf(path: string): string {
  return path.split('/').slice(0, -1).join('/');
}

/** The first of a list, and how many more there are. */
export function firstOf(names: readonly string[]): string {
  const more = names.length > mostNamed ? `, and ${names.length - mostNamed} more` : '';
  return `${names.slice(0, mostNamed).join(', ')}${more}`;
}

function noneFits(there: readonly string[], name: string, { config, split }: Wanted, field: SourceField): Failure {
  if (there.length === 0) {
    return new Failure('DATASET_NOT_FOUND', `${name} has no .parquet, .jsonl, .json or .csv file.`, {
      remedy: 'Give the rows in one of these forms, also compressed as .gz, .zst, .bz2 or .xz.',
      field,
    });
  }
  const where = config === undefined ? '' : ` in configuration "${config}"`;
  return new Failure(
    'DATASET_NOT_FOUND',
    `${name} has no file of rows for split "${split}"${where}; it has ${firstOf(there)}.`,
    { remedy: `Check ${field}, config, split and revision.`, field: 'dataset.split' },
  );
}

function severalConfigs(folders: readonly string[], name: string, split: string): Failure {
  return new Failure('SPEC_UNSUPPORTED', `${name} keeps split "${split}" in several folders: ${firstOf(folders)}.`, {
    remedy: 'Name one of them in dataset.config.',
    field: 'dataset.config',
  });
}
