import { mkdir, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Failure, type Manifest } from '@anneal/contracts';
import type { GetOptions } from './artifact-types.js';
import type { Connection } from './connection.js';
import { downloadFile, isOnDisk } from './download.js';
import { inParallel } from './retry.js';
import { errorCode } from './store-failure.js';

const filesAtOnce = 4;

/**
 * Makes the directory hold the artifact's files and nothing else. The work is done in `<directory>.partial`, where an
 * interrupted download goes on; the directory itself appears when it is complete.
 */
export async function downloadDirectory(
  connection: Connection,
  manifest: Manifest,
  directory: string,
  { signal, onBytes }: GetOptions = {},
): Promise<void> {
  if (await isComplete(manifest, directory, signal)) {
    const total = manifest.files.reduce((sum, file) => sum + file.size, 0);
    return onBytes?.(total, total);
  }
  const partial = `${directory}.partial`;
  await mkdir(partial, { recursive: true });
  // Left-overs of an interrupted download, perhaps of another artifact: whatever is not in the manifest goes first, so
  // that no file stands where a folder must be.
  await removeOthers(manifest, partial);
  await fill(connection, manifest, partial, { signal, onBytes });
  await removeOthers(manifest, partial);
  await rename(partial, directory);
}

async function fill(
  connection: Connection,
  { files }: Manifest,
  partial: string,
  { signal, onBytes }: GetOptions,
): Promise<void> {
  const total = files.reduce((sum, file) => sum + file.size, 0);
  let received = 0;
  for (const folder of new Set(files.map((file) => dirname(join(partial, file.path))))) {
    await mkdir(folder, { recursive: true });
  }
  await inParallel(files, filesAtOnce, async (file) => {
    signal?.throwIfAborted();
    const target = join(partial, file.path);
    if (!(await isOnDisk(file, target, signal))) await downloadFile(connection, file, target, signal);
    received += file.size;
    onBytes?.(received, total);
  });
}

/** Whether the directory is there and whole. One that holds anything else is refused: it may be somebody's work. */
async function isComplete(manifest: Manifest, directory: string, signal?: AbortSignal): Promise<boolean> {
  const entries = await readdir(directory).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (entries === undefined) return false;
  if (entries.length === 0) {
    await rmdir(directory);
    return false;
  }
  for (const file of manifest.files) {
    if (await isOnDisk(file, join(directory, file.path), signal)) continue;
    throw new Failure('ARTIFACT_CORRUPT', `${directory} is there, but ${file.path} in it is not the artifact's.`, {
      remedy: 'Remove the directory, or have the artifact written to another one.',
      retryable: false,
      file: file.path,
    });
  }
  return true;
}

async function removeOthers({ files }: Manifest, directory: string): Promise<void> {
  const wanted = new Set(files.map((file) => file.path));
  const folders = new Set(files.flatMap((file) => foldersOf(file.path)));
  const sweep = async (folder: string): Promise<void> => {
    for (const entry of await readdir(join(directory, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory() && folders.has(path)) await sweep(path);
      else if (!entry.isFile() || !wanted.has(path)) await rm(join(directory, path), { recursive: true, force: true });
    }
  };
  await sweep('');
}

function foldersOf(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_part, index) => parts.slice(0, index + 1).join('/'));
}

/** Whether every file is there with its size; the quick look at a copy that was verified when it was made. */
export async function hasSizes({ files }: Manifest, directory: string): Promise<boolean> {
  for (const file of files) {
    const found = await stat(join(directory, file.path)).catch(() => undefined);
    if (found?.isFile() !== true || found.size !== file.size) return false;
  }
  return true;
}
