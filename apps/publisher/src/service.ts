import { cacheProvider, defineService, storeProvider, worker } from '@anneal/service';
import { CreatePublication1767225600000 } from './migrations/1767225600000-CreatePublication.js';
import { publishInput } from './publish.input.js';
import { PublishModelWork } from './publish.work.js';
import { publisherConfig } from './publisher.config.js';
import { PublisherConsumer } from './publisher.consumer.js';
import { forgetPublication } from './targets/forget.publication.js';
import { HubTarget } from './targets/hub.target.js';
import { RegistryTarget } from './targets/registry.target.js';

export const publisherService = defineService({
  name: 'publisher',
  stage: 'publisher',
  config: publisherConfig,
  migrations: [CreatePublication1767225600000],
  module: (config) => ({
    controllers: [PublisherConsumer],
    providers: [storeProvider(config), cacheProvider(config), RegistryTarget, HubTarget, PublishModelWork],
  }),
  workers: [
    worker({
      kind: 'publish',
      input: publishInput,
      work: PublishModelWork,
      follows: 'evaluator',
      forget: forgetPublication,
    }),
  ],
});
