import {
  BaseModels,
  cacheProvider,
  defineService,
  finishedFoldersProvider,
  storeProvider,
  worker,
} from '@anneal/service';
import { mergeProviders } from './lora/merge.providers.js';
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
      storeProvider(config, { publicEndpoint: config.KUBERNETES_STORE_ENDPOINT }),
      cacheProvider(config),
      finishedFoldersProvider(config, 'merger'),
      BaseModels,
      ...mergeProviders(config),
      MergeModelWork,
    ],
  }),
  workers: [worker({ kind: 'merge', input: mergeInput, work: MergeModelWork, follows: 'trainer' })],
});
