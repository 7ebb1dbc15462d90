import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const { $defs } = JSON.parse(
  readFileSync(join(import.meta.dirname, '..', 'generated', 'kubernetes-1.37.json'), 'utf8'),
) as { $defs: Record<string, never> };
const names: Readonly<Record<string, string>> = {
  'batch/v1 Job': 'io.k8s.api.batch.v1.Job',
  'v1 ConfigMap': 'io.k8s.api.core.v1.ConfigMap',
  'v1 Secret': 'io.k8s.api.core.v1.Secret',
  'v1 Service': 'io.k8s.api.core.v1.Service',
  'v1 ServiceAccount': 'io.k8s.api.core.v1.ServiceAccount',
  'v1 Namespace': 'io.k8s.api.core.v1.Namespace',
  'networking.k8s.io/v1 NetworkPolicy': 'io.k8s.api.networking.v1.NetworkPolicy',
  'rbac.authorization.k8s.io/v1 Role': 'io.k8s.api.rbac.v1.Role',
  'rbac.authorization.k8s.io/v1 RoleBinding': 'io.k8s.api.rbac.v1.RoleBinding',
};

/** What Kubernetes' own schema of its kind has against an object, fields that it does not know included. */
export function problemsOf(object: unknown): string[] {
  const { apiVersion, kind } = object as { apiVersion: string; kind: string };
  const name = names[`${apiVersion} ${kind}`];
  if (name === undefined) return [`there is no schema of ${apiVersion} ${kind}`];
  const schema = z.fromJSONSchema({ $ref: `#/$defs/${name}`, $defs });
  const parsed = schema.safeParse(object);
  return parsed.success ? [] : leaves(parsed.error.issues, []);
}

interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly errors?: readonly (readonly Issue[])[];
}

/** Every field may be null, so that each problem stands in a union with null. */
function leaves(issues: readonly Issue[], above: readonly PropertyKey[]): string[] {
  return issues.flatMap((issue) => {
    const path = [...above, ...issue.path];
    const inner = issue.errors?.flat().filter(({ message }) => !message.includes('expected null'));
    return inner === undefined || inner.length === 0
      ? [`${path.map(String).join('.')}: ${issue.message}`]
      : leaves(inner, path);
  });
}
