/** The house's rules: apps -> libs -> contracts, no deep imports, one place for each foreign thing. */
const services = '(gateway|dataset|trainer|merger|evaluator|publisher)';
const only = (name, place, module) => ({
  name,
  severity: 'error',
  comment: `${module} is known in one place only.`,
  from: { path: '^(apps|libs|infra)/', pathNot: place },
  to: { path: `node_modules/${module}` },
});

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true, dependencyTypesNot: ['type-only'] } },
    {
      name: 'no-service-imports-a-service',
      severity: 'error',
      from: { path: `^apps/${services}/` },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    { name: 'no-lib-imports-an-app', severity: 'error', from: { path: '^(libs|infra)/' }, to: { path: '^apps/' } },
    {
      name: 'contracts-know-zod-only',
      severity: 'error',
      from: { path: '^libs/contracts/src/', pathNot: '\\.spec\\.ts$' },
      to: { path: '^(apps|libs|infra)/', pathNot: '^libs/contracts/' },
    },
    {
      name: 'no-deep-imports',
      severity: 'error',
      from: { path: '^(apps|libs|infra)/([^/]+)/' },
      to: {
        path: '^(libs|infra)/[^/]+/src/(?!index\\.ts$)',
        pathNot: ['^$1/$2/', '^libs/service/src/(build|config)\\.ts$'],
      },
    },
    {
      name: 'a-command-loads-late',
      severity: 'error',
      comment: 'Every call of the command line waits for what is loaded before it is known what is asked for.',
      from: {
        path: '^apps/cli/src/((main|program)\\.ts$|(commands|gateway|terminal)/)',
        pathNot: '\\.(int-)?spec\\.ts$',
      },
      to: {
        path: `^(apps/${services}/|infra/|libs/(?!contracts|setup|service/src/(build|config))|apps/cli/src/(ask|bundle|doctor|embedded|evaluation|support)/)`,
        pathNot: '/(prompt\\.template|setup\\.failure|until-stopped)\\.ts$',
        dynamic: false,
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'the-command-line-is-no-service',
      severity: 'error',
      comment: 'Whoever looks at data does not wait for the framework of services; who starts all of them does.',
      from: { path: '^apps/cli/src/', pathNot: '^apps/cli/src/embedded/system\\.ts$' },
      to: { path: '^libs/service/src/index\\.ts$', dynamic: false, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'testing-from-tests-only',
      severity: 'error',
      from: {
        path: '^(apps|libs|infra)/',
        pathNot: '(\\.(spec|int-spec|e2e-spec|fixture|suite)\\.ts$|^libs/testing/)',
      },
      to: { path: '^libs/testing/' },
    },
    {
      name: 'no-undeclared-package',
      severity: 'error',
      from: { path: '^(apps|libs|infra)/' },
      to: { dependencyTypes: ['npm-no-pkg', 'unknown', 'undetermined'], pathNot: '^(apps|libs|infra)/' },
    },
    only('nats-in-messaging', '^libs/messaging/', '@nats-io'),
    only('s3-in-artifacts', '^libs/artifacts/', 'minio'),
    only('opentelemetry-in-tracing', '^libs/tracing/', '@opentelemetry'),
    only('grpc-in-gateway', '^apps/gateway/', '(@grpc|grpc-health-check)'),
    only('hub-in-datasets-and-publisher', '^(libs/datasets|apps/publisher)/', '@huggingface'),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@anneal/source', 'import', 'node', 'default', 'types'],
    },
  },
};
