import { defineService, finishedFoldersProvider, storeProvider, worker } from '@anneal/service';
import { datasetConfig } from './dataset.config.js';
import { DatasetConsumer } from './dataset.consumer.js';
import { CreatePreparedSet1767225600000 } from './migrations/1767225600000-CreatePreparedSet.js';
import { PreparedSetTable } from './prepared-set.table.js';
import { prepareInput } from './prepare.input.js';
import { PrepareDatasetWork } from './prepare.work.js';

export const datasetService = defineService({
  name: 'dataset',
  stage: 'dataset',
  config: datasetConfig,
  migrations: [CreatePreparedSet1767225600000],
  module: (config) => ({
    controllers: [DatasetConsumer],
    providers: [
      storeProvider(config),
      finishedFoldersProvider(config, 'dataset'),
      PreparedSetTable,
      PrepareDatasetWork,
    ],
  }),
  workers: [
    worker({ kind: 'prepare', input: prepareInput, work: PrepareDatasetWork, follows: 'gateway', concurrency: 2 }),
  ],
});
