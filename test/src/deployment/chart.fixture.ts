import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import { z } from 'zod';
import { output, root } from './deployment.fixture.js';

export const chart = join(root, 'infra', 'kubernetes', 'anneal');
export const examples = join(root, 'infra', 'kubernetes', 'examples');

const secretKey = z.object({ name: z.string(), key: z.string() });
const variable = z.object({
  name: z.string(),
  value: z.string().optional(),
  valueFrom: z.object({ secretKeyRef: secretKey }).optional(),
});
const probe = z.object({ httpGet: z.object({ path: z.string(), port: z.string() }) });
const container = z.looseObject({
  name: z.string(),
  image: z.string(),
  command: z.array(z.string()),
  env: z.array(variable),
  volumeMounts: z.array(z.looseObject({ name: z.string(), mountPath: z.string() })),
  resources: z.looseObject({ limits: z.record(z.string(), z.union([z.string(), z.number()])) }),
  startupProbe: probe.optional(),
  livenessProbe: probe.optional(),
  readinessProbe: probe.optional(),
});
const pod = z.looseObject({
  serviceAccountName: z.string().optional(),
  automountServiceAccountToken: z.boolean(),
  terminationGracePeriodSeconds: z.number().optional(),
  containers: z.tuple([container]),
  volumes: z.array(z.looseObject({ name: z.string() })),
});
const labels = z.record(z.string(), z.string());
const rendered = z.looseObject({
  kind: z.string(),
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string().optional(),
    labels,
    annotations: z.record(z.string(), z.string()).default({}),
  }),
  spec: z.looseObject({}).optional(),
});
export type Rendered = z.infer<typeof rendered>;
export type Container = z.infer<typeof container>;

export const workload = z.looseObject({
  replicas: z.number().optional(),
  template: z.looseObject({ metadata: z.looseObject({ labels }), spec: pod }),
});
export const policy = z.looseObject({
  podSelector: z.object({ matchLabels: labels }),
  policyTypes: z.array(z.string()),
  ingress: z.array(z.looseObject({ from: z.array(z.unknown()).min(1) })).default([]),
  egress: z
    .array(
      z.looseObject({
        to: z.array(z.unknown()).optional(),
        ports: z.array(z.object({ protocol: z.string(), port: z.number() })),
      }),
    )
    .default([]),
});
export const budget = z.looseObject({ maxUnavailable: z.number(), selector: z.object({ matchLabels: labels }) });

/** What Helm makes of the chart with these values; throws what Helm says when it refuses them. */
export function renderChart(helm: string, values: string | object): Rendered[] {
  const folder = mkdtempSync(join(tmpdir(), 'anneal-chart-'));
  try {
    const file = typeof values === 'string' ? join(examples, values) : join(folder, 'values.yaml');
    if (typeof values === 'object') writeFileSync(file, stringify(values));
    const text = output(helm, ['template', 'anneal', chart, '--namespace', 'anneal', '--values', file]);
    return parseAllDocuments(text)
      .map((document) => document.toJS() as unknown)
      .filter((document) => document !== null)
      .map((document) => rendered.parse(document));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The environment that a container gets, each secret by a value that tells which one it is. */
export function environmentOf({ env }: Container): Record<string, string> {
  const values: Record<string, string> = {};
  for (const { name, value = '', valueFrom } of env) {
    // Kubernetes puts in only what stands further up.
    const expanded = value.replace(/\$\(([A-Z0-9_]+)\)/g, (whole, other: string) => values[other] ?? whole);
    values[name] = valueFrom ? `secret-${valueFrom.secretKeyRef.name}-${valueFrom.secretKeyRef.key}` : expanded;
  }
  return values;
}
