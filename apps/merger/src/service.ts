import { deviceProviders } from '@anneal/devices';
import { BaseModels, cacheProvider, defineService, storeProvider, worker } from '@anneal/service';
import { LoraMerge } from './lora/lora.merge.js';
import { mergeInput } from './merge.input.js';
import { MergeModelWork } from './merge.work.js';
import { mergerConfig } from './merger.config.js';
import { MergerConsumer } from './merger.consumer.js';

export const mergerService = defineService({
  name: 'merger',
  stage: 'merger',
  config: mergerConfig,
  migrations: [],
  module: (config) => ({
    controllers: [MergerConsumer],
    providers: [
      storeProvider(config),
      cacheProvider(config),
      ...deviceProviders(config, 'merger'),
      BaseModels,
      LoraMerge,
      MergeModelWork,
    ],
  }),
  workers: [worker({ kind: 'merge', input: mergeInput, work: MergeModelWork, follows: 'trainer' })],
});
