import { open, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { Failure } from '@anneal/contracts';
import { resolveFileReference } from '@anneal/artifacts';
import type { SourceField, SourceFile, StagedSource } from './source.js';

const parquetMagic = 'PAR1';

/** Opens a local file and finds its format by looking at it. */
export async function fileSource(
  reference: string,
  { roots, field }: { roots: readonly string[]; field: SourceField },
): Promise<StagedSource> {
  const path = await resolveFileReference(reference, { roots, field, missing: 'DATASET_NOT_FOUND' });
  const name = basename(path);
  if (!(await stat(path)).isFile()) {
    throw new Failure('DATASET_UNREADABLE', `${name} is not a file.`, {
      remedy: 'Name one .jsonl or .parquet file.',
      field,
      file: name,
    });
  }
  return { name, files: [{ path, name, format: await formatOf(path, name) }] };
}

export async function formatOf(path: string, name: string): Promise<SourceFile['format']> {
  const { size } = await stat(path);
  if (size === 0) {
    throw new Failure('DATASET_EMPTY', `${name} is empty.`, {
      remedy: 'Give a file with at least one row.',
      file: name,
    });
  }
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
    if (buffer.subarray(0, bytesRead).toString('latin1') === parquetMagic) return 'parquet';
  } finally {
    await file.close();
  }
  if (name.endsWith('.parquet')) {
    throw new Failure('DATASET_UNREADABLE', `${name} does not begin like a parquet file.`, {
      remedy: 'Check that the file is complete and really parquet.',
      file: name,
    });
  }
  return 'jsonl';
}
