import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { Failure } from '@anneal/contracts';
import { globExpression } from './hub.configs.js';
import { fetchFiles } from './hub.download.js';
import { listDataset } from './hub.listing.js';
import type { Reach } from './reach.js';
import { fetchingOf } from './stage.source.js';

export interface HubDatasetOptions {
  /** OWNER/NAME. */
  readonly repository: string;
  /** Branch, tag or commit; `main` when left out. */
  readonly revision?: string;
  /** Which files, as `*.parquet` or `test/**`; all when left out. */
  readonly files?: readonly string[];
  /** Where they are put, each under its path in the repository. */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly reach: Pick<Reach, 'hub'> & Partial<Reach>;
  /** The field of the RunSpec that names the dataset. */
  readonly field: string;
}

/** Files of a dataset repository on this machine. */
export interface HubDataset {
  readonly commit: string;
  /** Paths in the repository, and in the directory. */
  readonly files: readonly string[];
}

/**
 * Brings files of a Hub dataset into a folder, all from one commit and from the cache when they are in it.
 *
 * @throws Failure DATASET_NOT_FOUND when the dataset, the revision or every wanted file is missing
 */
export async function fetchHubDataset(options: HubDatasetOptions): Promise<HubDataset> {
  const { repository, revision = 'main', files, directory, signal, reach, field } = options;
  await mkdir(directory, { recursive: true });
  const fetching = fetchingOf(reach, directory);
  const access = { ...fetching, ...reach.hub, signal, field };
  const listing = await listDataset(repository, revision, access);
  const patterns = files?.map(globExpression);
  const found = listing.files.filter(({ path }) => patterns?.some((pattern) => pattern.test(path)) ?? true);
  if (found.length === 0) {
    throw new Failure('DATASET_NOT_FOUND', `${repository} has no file like ${(files ?? ['any']).join(', ')}.`, {
      remedy: `Check ${field} and its revision.`,
      field,
    });
  }
  const wanted = found.map((file) => ({ file, target: join(directory, file.path) }));
  for (const { file, target } of wanted) {
    // The list is what a server says.
    if (!resolve(target).startsWith(`${resolve(directory)}${sep}`))
      throw new Error(`${file.path} leads out of its folder`);
    await mkdir(dirname(target), { recursive: true });
  }
  await fetchFiles(repository, listing, wanted, access);
  return { commit: listing.commit, files: found.map(({ path }) => path).toSorted() };
}
