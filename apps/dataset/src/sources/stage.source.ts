import type { AcceptedRunSpec } from '@anneal/contracts';
import type { DatasetConfig } from '../dataset.config.js';
import { fileSource } from './file.source.js';
import { hubSource } from './hub.source.js';
import type { StagedSource } from './source.js';

/** Brings a source to this machine, whatever it is. */
export function stageSource(
  dataset: AcceptedRunSpec['dataset'],
  { directory, signal, config }: { directory: string; signal: AbortSignal; config: DatasetConfig },
): Promise<StagedSource> {
  return dataset.source.startsWith('file:')
    ? fileSource(dataset.source, config.FILE_ROOTS)
    : hubSource(dataset, { directory, signal, endpoint: config.HF_ENDPOINT, token: config.HF_TOKEN });
}
