// Writes everything that is generated and committed. `--check` says what was not up to date.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';

const root = join(import.meta.dirname, '..');
const generators = [
  { script: 'libs/contracts/generate.mjs', writes: ['libs/contracts/generated'] },
  { script: 'apps/gateway/generate.mjs', writes: ['apps/gateway/src/grpc/generated'] },
  { script: 'infra/nats/generate.mjs', writes: ['infra/nats/nats.conf'] },
  { script: 'infra/store/generate.mjs', writes: ['infra/store/policies', 'infra/store/seaweedfs.json'] },
  {
    script: 'infra/kubernetes/generate.mjs',
    writes: ['infra/kubernetes/anneal/values.schema.json', 'infra/kubernetes/nats.values.yaml'],
  },
  { script: 'infra/observability/dashboards.mjs', writes: ['infra/observability/grafana/dashboards'] },
  { script: 'examples/home-control/generate.mjs', writes: ['examples/home-control'] },
];

function* filesBelow(path) {
  if (!existsSync(path)) return;
  if (statSync(path).isFile()) yield path;
  else for (const name of readdirSync(path)) yield* filesBelow(join(path, name));
}

function contents() {
  const files = generators.flatMap(({ writes }) => writes.flatMap((path) => [...filesBelow(join(root, path))]));
  return new Map(files.map((file) => [relative(root, file), readFileSync(file, 'utf8')]));
}

const before = contents();
for (const { script } of generators) {
  const { status } = spawnSync(process.execPath, [script], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
if (process.argv.includes('--check')) {
  const after = contents();
  const changed = [...new Set([...before.keys(), ...after.keys()])].filter(
    (file) => before.get(file) !== after.get(file),
  );
  if (changed.length > 0) {
    console.error(`These generated files were not up to date; commit them as they are now:\n  ${changed.join('\n  ')}`);
    process.exit(1);
  }
}
