import { mkdir } from 'node:fs/promises';
import type { ArtifactStore } from '@anneal/artifacts';
import type { AcceptedRunSpec } from '@anneal/contracts';
import type { DatasetConfig } from '../dataset.config.js';
import { artifactSource } from './artifact.source.js';
import { fileSource } from './file.source.js';
import { hubSource } from './hub.source.js';
import type { SourceField, StagedSource } from './source.js';

interface StageOptions {
  field: SourceField;
  /** A folder for this source alone. */
  directory: string;
  signal: AbortSignal;
  config: DatasetConfig;
  store: ArtifactStore;
}

/** Brings a source to this machine, whatever it is. */
export async function stageSource(
  dataset: AcceptedRunSpec['dataset'],
  { field, directory, signal, config, store }: StageOptions,
): Promise<StagedSource> {
  const { source } = dataset;
  await mkdir(directory, { recursive: true });
  if (source.startsWith('file:')) return fileSource(source, { roots: config.FILE_ROOTS, field });
  if (source.startsWith('artifact:')) return artifactSource(source, { field, directory, signal, store });
  return hubSource(dataset, { field, directory, signal, endpoint: config.HF_ENDPOINT, token: config.HF_TOKEN });
}
