import { defineConfig } from 'vitest/config';

const sources = ['@anneal/source'];
const shared = { resolve: { conditions: sources }, ssr: { resolve: { conditions: sources } } };
const everywhere = (ending: string): string[] => [`{apps,libs,infra}/**/*.${ending}.ts`, `test/**/*.${ending}.ts`];
const never = ['**/node_modules/**', '**/dist/**'];

export default defineConfig({
  test: {
    projects: [
      { ...shared, test: { name: 'unit', include: everywhere('spec'), exclude: never, pool: 'threads' } },
      {
        ...shared,
        // Real NATS, PostgreSQL and S3 servers. The files mostly wait, but two cores do not carry more than two sets of them.
        test: {
          name: 'integration',
          include: everywhere('int-spec'),
          exclude: never,
          pool: 'forks',
          maxWorkers: 2,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        ...shared,
        // The official clients against one system, which all files share.
        test: {
          name: 'conformance',
          include: ['test/conformance/**/*.conformance-spec.ts'],
          exclude: never,
          globalSetup: 'test/conformance/global-setup.ts',
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        ...shared,
        // A real cluster, by `npm run test:kubernetes` alone.
        test: {
          name: 'kubernetes',
          include: everywhere('cluster-spec'),
          exclude: never,
          pool: 'forks',
          fileParallelism: false,
          hookTimeout: 120_000,
        },
      },
      {
        ...shared,
        test: {
          name: 'e2e',
          include: everywhere('e2e-spec'),
          exclude: never,
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 600_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
