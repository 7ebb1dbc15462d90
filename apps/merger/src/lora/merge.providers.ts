import { deviceProviders } from '@anneal/devices';
import { podProviders } from '@anneal/pods';
import type { Provider } from '@nestjs/common';
import type { MergerConfig } from '../merger.config.js';
import { LoraMerge } from './lora.merge.js';
import { MERGE_HOST } from './merge.host.js';
import { PodMerge } from './pod.merge.js';

/** What the chosen host of merges is made of. @throws Failure CONFIG_INVALID when something that it needs is not set */
export function mergeProviders(config: MergerConfig): Provider[] {
  if (config.MERGE_HOST === 'local') {
    return [...deviceProviders(config, 'merger'), LoraMerge, { provide: MERGE_HOST, useExisting: LoraMerge }];
  }
  return [
    ...podProviders(config, { work: 'merge', chosenBy: 'MERGE_HOST', kinds: ['merge'] }),
    PodMerge,
    { provide: MERGE_HOST, useExisting: PodMerge },
  ];
}
