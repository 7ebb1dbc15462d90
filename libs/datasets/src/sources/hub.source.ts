import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { AcceptedRunSpec } from '@anneal/contracts';
import { stagedFile } from './file.source.js';
import { filesOfConfig } from './hub.configs.js';
import { fetchFiles } from './hub.download.js';
import { listDataset, type HubAccess, type HubListing } from './hub.listing.js';
import type { SourceField, SourceFile, StagedSource } from './source.js';

interface HubOptions extends HubAccess {
  readonly field: SourceField;
  readonly directory: string;
}

/** A description that is longer is none that says where the files are. */
const longestReadme = 4 * 1024 * 1024;

/** Fetches the files of a Hub dataset that hold the wanted configuration and split, all from one commit. */
export async function hubSource(dataset: AcceptedRunSpec['dataset'], options: HubOptions): Promise<StagedSource> {
  const name = dataset.source.replace(/^hub:/, '');
  const listing = await listDataset(name, dataset.revision, options);
  const paths = listing.files.map(({ path }) => path);
  const readme = await readmeOf(name, listing, options);
  const wanted = filesOfConfig(paths, readme, name, dataset).map((path, index) => ({
    file: listing.files[paths.indexOf(path)] ?? { path, size: 0 },
    target: join(options.directory, `source-${index}`),
  }));
  await fetchFiles(name, listing, wanted, options);
  const files: SourceFile[] = [];
  for (const { file, target } of wanted) files.push(await stagedFile(target, `${name}/${file.path}`));
  return { name, files, commit: listing.commit };
}

async function readmeOf(name: string, listing: HubListing, options: HubOptions): Promise<string> {
  const file = listing.files.find(({ path }) => path === 'README.md');
  if (!file || file.size === 0 || file.size > longestReadme) return '';
  const target = join(options.directory, 'README.md');
  await fetchFiles(name, listing, [{ file, target }], options);
  const text = await readFile(target, 'utf8');
  await rm(target);
  return text;
}
