import { readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArtifactStore } from '@anneal/artifacts';
import { sha256 } from '@anneal/contracts';
import { z } from 'zod';

/** Files of an artifact that a pod fetches: those of a folder of it, or one, to a place below its work folder. */
export const podInput = z.object({
  digest: sha256,
  /** A file or folder of the artifact; empty for all of it. */
  from: z.string(),
  to: z.string().min(1),
  /** Whether it is worth a place in the cache that pods share. */
  cache: z.boolean(),
});
export type PodInput = z.infer<typeof podInput>;

export interface InputLink {
  readonly path: string;
  readonly url: string;
  readonly size: number;
  readonly sha256: string;
  readonly cache: boolean;
}

/** Links to all files of these inputs, for so many seconds. */
export async function linksOf(
  store: ArtifactStore,
  inputs: readonly PodInput[],
  seconds: number,
): Promise<InputLink[]> {
  const links: InputLink[] = [];
  for (const { digest, from, to, cache } of inputs) {
    for (const { url, file } of await store.linksTo(digest, seconds)) {
      const path = placeOf(file.path, from, to);
      if (path !== undefined) links.push({ path, url, size: file.size, sha256: file.sha256, cache });
    }
  }
  return links;
}

function placeOf(path: string, from: string, to: string): string | undefined {
  if (from === '') return `${to}/${path}`;
  if (path === from) return to;
  return path.startsWith(`${from}/`) ? `${to}${path.slice(from.length)}` : undefined;
}

/** What of a model's folder is read in a pod. Code is not, and neither are weights that are pickles. */
const partsOfModel = /\.(safetensors|json|jinja|model|txt)$/;

/** Stores a model, wherever it came from, so that a pod can fetch it. @returns digest of the artifact */
export async function storeModel(store: ArtifactStore, directory: string, signal: AbortSignal): Promise<string> {
  const names = (await readdir(directory)).filter((name) => partsOfModel.test(name)).toSorted();
  const files = [];
  // Folders of the Hub's cache hold links.
  for (const path of names) files.push({ path, source: await realpath(join(directory, path)) });
  return (await store.putFiles('model', files, { signal })).digest;
}
