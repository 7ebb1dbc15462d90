import { mkdir } from 'node:fs/promises';
import type { ArtifactStore } from '@anneal/artifacts';
import type { AcceptedRunSpec } from '@anneal/contracts';
import { artifactSource } from './artifact.source.js';
import { fileSource } from './file.source.js';
import { hubSource } from './hub.source.js';
import type { SourceField, StagedSource } from './source.js';

/** What can be reached from here. */
export interface Reach {
  /** Folders below which files may be read. */
  readonly fileRoots: readonly string[];
  readonly hub: { readonly endpoint: string; readonly token: string | undefined };
  readonly store: ArtifactStore;
}

interface StageOptions {
  readonly field: SourceField;
  /** A folder for this source alone. */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly reach: Reach;
}

/** Brings a source to this machine, whatever it is. */
export async function stageSource(
  dataset: AcceptedRunSpec['dataset'],
  { field, directory, signal, reach }: StageOptions,
): Promise<StagedSource> {
  const { source } = dataset;
  await mkdir(directory, { recursive: true });
  if (source.startsWith('file:')) return fileSource(source, { roots: reach.fileRoots, field });
  if (source.startsWith('artifact:')) return artifactSource(source, { field, directory, signal, store: reach.store });
  return hubSource(dataset, { field, directory, signal, ...reach.hub });
}
