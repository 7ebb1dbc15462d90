import { readFile, rm, writeFile } from 'node:fs/promises';
import type { ArtifactStore } from '@anneal/artifacts';
import { manifestFile, type ArtifactRef, type ManifestFile, type TrainingPlan } from '@anneal/contracts';
import { z } from 'zod';
import { isResult, nameBaseModelIn } from '../training/output.files.js';
import type { RunFolder } from '../training/run.folder.js';

const resultFiles = z.array(manifestFile);
const configName = 'adapter_config.json';

const listOf = (folder: RunFolder): string => folder.of('result.json');

/** Notes which files of a result are in the object store. */
export function noteResult(folder: RunFolder, files: readonly ManifestFile[]): Promise<void> {
  return writeFile(listOf(folder), JSON.stringify(files));
}

/** Undefined when no pod has delivered one. */
export async function notedResult(folder: RunFolder): Promise<ManifestFile[] | undefined> {
  const text = await readFile(listOf(folder), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : resultFiles.parse(JSON.parse(text));
}

/** For a start whose result is yet to come. */
export function forgetResult(folder: RunFolder): Promise<void> {
  return rm(listOf(folder), { force: true });
}

/** Names a result of which the files are in the store: the same artifact as when it was made on a machine. */
export async function nameResult(
  store: ArtifactStore,
  method: TrainingPlan['method'],
  baseReference: string,
  files: readonly ManifestFile[],
): Promise<ArtifactRef> {
  const wanted = files.filter(({ path }) => isResult(method, path));
  if (method === 'full') return store.name('weights', wanted, []);
  const config = wanted.filter(({ path }) => path === configName);
  const text = String(await store.getFile(await store.name('adapter', config, []), configName));
  const named = { path: configName, source: Buffer.from(nameBaseModelIn(text, baseReference)) };
  const others = wanted.filter(({ path }) => path !== configName);
  return store.name('adapter', others, [named]);
}
