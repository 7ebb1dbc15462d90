import { Failure } from '@anneal/contracts';
import { namedColumns, type Rows } from '@anneal/rows';
import type { SourceFile, StagedSource } from '../sources/source.js';
import { readCsv } from './csv.reader.js';
import { openBytes } from './file.bytes.js';
import { requireUnchanged } from './file.state.js';
import { readJson } from './json.reader.js';
import { readJsonl } from './jsonl.reader.js';
import { readParquet } from './parquet.reader.js';
import type { RowBatch, RowBatches } from './row.batch.js';

/** Rows of one of a source's files. */
export interface FileBatch extends RowBatch {
  readonly file: SourceFile;
}

/**
 * All rows of a source as they are written, file by file, and those that cannot be read.
 *
 * @throws Failure DATASET_CHANGED when a file is written to meanwhile; what was read of it then means nothing
 */
export async function* readSourceBatches({ files }: StagedSource): AsyncGenerator<FileBatch> {
  let first: { readonly file: SourceFile; readonly columns: readonly string[] } | undefined;
  for (const file of files) {
    let looked = false;
    for await (const batch of readFileBatches(file)) {
      const row = batch.rows[0];
      if (row && !looked) {
        looked = true;
        const columns = Object.keys(row.columns);
        if (first) requireColumns(first, { file, columns });
        else first = { file, columns };
      }
      yield { ...batch, file };
    }
  }
}

/** The rows of one file, many at once. */
async function* readFileBatches(file: SourceFile): RowBatches {
  const { path, name, state } = file;
  try {
    yield* batchesOf(file);
  } catch (error) {
    // What looks like a broken file may be one that is being written.
    if (state) await requireUnchanged(path, name, state);
    throw error;
  }
  if (state) await requireUnchanged(path, name, state);
}

/** The rows of one file; the first that cannot be read ends it. */
export async function* readFileRows(file: SourceFile): Rows {
  for await (const { rows, problems } of readFileBatches(file)) {
    const [problem] = problems;
    for (const row of rows) {
      if (problem?.row !== undefined && problem.row < row.number) break;
      yield row;
    }
    if (problem) throw problem;
  }
}

function batchesOf(file: SourceFile): RowBatches {
  const { format, path, name } = file;
  switch (format) {
    case 'parquet':
      return readParquet(path, name);
    case 'jsonl':
      return readJsonl(openBytes(file), name);
    case 'json':
      return readJson(openBytes(file), name);
    case 'csv':
      return readCsv(openBytes(file), name);
  }
}

/** Tables say all of their columns in every row; objects may leave some out, but not all. */
function requireColumns(
  first: { readonly file: SourceFile; readonly columns: readonly string[] },
  { file, columns }: { readonly file: SourceFile; readonly columns: readonly string[] },
): void {
  const missing = first.columns.filter((column) => !columns.includes(column));
  const isTable = ['csv', 'parquet'].includes(file.format);
  if (missing.length === 0 || (!isTable && missing.length < first.columns.length)) return;
  throw new Failure(
    'DATASET_COLUMN_MISSING',
    `${file.name} has the columns ${namedColumns(columns)}, without ${namedColumns(missing)} of ${first.file.name}.`,
    {
      remedy: 'Give files of one kind only: name one of them, or keep the others in a folder of their own.',
      field: 'dataset.source',
      file: file.name,
    },
  );
}
