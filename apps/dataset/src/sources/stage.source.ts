import type { ArtifactStore } from '@anneal/artifacts';
import type { AcceptedRunSpec } from '@anneal/contracts';
import type { DatasetConfig } from '../dataset.config.js';
import { artifactSource } from './artifact.source.js';
import { fileSource } from './file.source.js';
import { hubSource } from './hub.source.js';
import type { StagedSource } from './source.js';

interface StageOptions {
  directory: string;
  signal: AbortSignal;
  config: DatasetConfig;
  store: ArtifactStore;
}

/** Brings a source to this machine, whatever it is. */
export function stageSource(
  dataset: AcceptedRunSpec['dataset'],
  { directory, signal, config, store }: StageOptions,
): Promise<StagedSource> {
  const { source } = dataset;
  if (source.startsWith('file:')) return fileSource(source, config.FILE_ROOTS);
  if (source.startsWith('artifact:')) return artifactSource(source, { directory, signal, store });
  return hubSource(dataset, { directory, signal, endpoint: config.HF_ENDPOINT, token: config.HF_TOKEN });
}
