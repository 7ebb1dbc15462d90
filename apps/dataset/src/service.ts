import { defineService, storeProvider, worker } from '@anneal/service';
import { datasetConfig } from './dataset.config.js';
import { DatasetConsumer } from './dataset.consumer.js';
import { prepareInput } from './prepare.input.js';
import { PrepareDatasetWork } from './prepare.work.js';

export const datasetService = defineService({
  name: 'dataset',
  stage: 'dataset',
  config: datasetConfig,
  migrations: [],
  module: (config) => ({ controllers: [DatasetConsumer], providers: [storeProvider(config), PrepareDatasetWork] }),
  workers: [
    worker({ kind: 'prepare', input: prepareInput, work: PrepareDatasetWork, follows: 'gateway', concurrency: 2 }),
  ],
});
