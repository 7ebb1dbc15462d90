import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Failure } from '@anneal/contracts';
import { resolveFileReference } from '@anneal/artifacts';
import { dataFile, formatOf } from '../readers/file.format.js';
import { stateOf } from '../readers/file.state.js';
import { chooseFiles } from './hub.files.js';
import type { SourceField, SourceFile, StagedSource } from './source.js';

interface FileOptions {
  readonly roots: readonly string[];
  readonly field: SourceField;
  /** Of a folder with several. */
  readonly split?: string;
  readonly config?: string | undefined;
}

/** Opens a local file, or the files of a folder that hold the wanted split, and finds their formats by looking at them. */
export async function fileSource(
  reference: string,
  { roots, field, split = 'train', config }: FileOptions,
): Promise<StagedSource> {
  const path = await resolveFileReference(reference, { roots, field, missing: 'DATASET_NOT_FOUND' });
  const name = basename(path);
  const found = await stat(path);
  if (found.isFile()) return { name, files: [await stagedFile(path, name)] };
  if (!found.isDirectory()) {
    throw new Failure('DATASET_UNREADABLE', `${name} is neither a file nor a folder.`, {
      remedy: 'Name a file of rows, or a folder of such files.',
      field,
      file: name,
    });
  }
  const files: SourceFile[] = [];
  for (const inside of chooseFiles(await filesBelow(path), name, { config, split }, field))
    files.push(await stagedFile(join(path, inside), `${name}/${inside}`));
  return { name, files };
}

/** A file on this machine, as it is now. */
export async function stagedFile(path: string, name: string): Promise<SourceFile> {
  return { path, name, state: await stateOf(path), ...(await formatOf(path, name)) };
}

/** Regular files only: a link in the folder may lead out of the roots. */
async function filesBelow(folder: string, below = ''): Promise<string[]> {
  const paths: string[] = [];
  for (const entry of await readdir(join(folder, below), { withFileTypes: true })) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory()) paths.push(...(await filesBelow(folder, path)));
    else if (entry.isFile() && dataFile.test(path)) paths.push(path);
  }
  return paths;
}
