import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { objectProblems, restrictedProblems } from '@anneal/testing';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { renderMultiNode } from './multi-node.js';
import { plainJob, sampleJob } from './cluster-job.fixture.js';
import { jobName, renderConfigMap, renderJob, renderOrdersSecret, type ClusterJob } from './cluster-job.js';

const works = ['training', 'merge', 'evaluation'] as const;
const problemsOf = objectProblems(join(import.meta.dirname, '../generated/kubernetes-1.37.json'));
const ownerOf = (job: ClusterJob) => ({ ...renderJob(job).metadata, uid: 'f4b0b0f6-0000-4000-8000-000000000000' });
const docs = readFileSync(join(import.meta.dirname, '../../../docs/kubernetes.md'), 'utf8');
const yamlBlocks = [...docs.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text);

describe.each([
  ['with everything set', sampleJob],
  ['with nothing that can be left out', plainJob],
  ['for a merge', { ...sampleJob, identity: { ...sampleJob.identity, work: 'merge' as const } }],
  [
    'for a part of an evaluation',
    { ...plainJob, identity: { ...plainJob.identity, work: 'evaluation' as const, part: 'e3b0c442' } },
  ],
])('what is rendered %s', (_name, sample) => {
  const { spec } = renderJob(sample);
  const pod = spec.template.spec;
  const [container] = pod.containers;

  it.each([
    ['Job', renderJob(sample)],
    ['ConfigMap', renderConfigMap(ownerOf(sample))],
    ['Secret', renderOrdersSecret(ownerOf(sample), 'https://s3.example.com/orders')],
    ['Service of several nodes', renderMultiNode(sample, 2).service],
    ['Job of several nodes', renderMultiNode(sample, 2).job],
  ])('is a %s by the schema of Kubernetes', (_kind, object) => {
    expect(problemsOf(JSON.parse(JSON.stringify(object)))).toEqual([]);
  });

  it('is under the restricted standard', () => {
    expect(restrictedProblems(pod)).toEqual([]);
  });

  it('is stricter where the standard leaves a choice', () => {
    expect(pod).toMatchObject({
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      restartPolicy: 'Never',
    });
    expect(container?.securityContext.readOnlyRootFilesystem).toBe(true);
    expect(pod.securityContext.runAsUser).toBeGreaterThan(0);
    for (const volume of pod.volumes) expect(Object.keys(volume)).not.toContain('hostPath');
  });

  it('has limits of all that it takes, shared memory included', () => {
    expect(container?.resources.limits).toMatchObject({ cpu: '8', memory: '64Gi', 'ephemeral-storage': '200Gi' });
    expect(container?.resources.requests).toEqual(container?.resources.limits);
    expect(pod.volumes).toContainEqual({ name: 'shm', emptyDir: { medium: 'Memory', sizeLimit: '8Gi' } });
  });

  it('runs one pod once', () => {
    expect(spec).toMatchObject({ backoffLimit: 0, completions: 1, parallelism: 1, podReplacementPolicy: 'Failed' });
  });
});

describe('a Job', () => {
  it('asks for GPUs only when it trains on them', () => {
    const limits = (job: typeof sampleJob) => renderJob(job).spec.template.spec.containers[0]?.resources.limits;
    expect(limits(sampleJob)).toMatchObject({ 'nvidia.com/gpu': '3' });
    expect(limits(plainJob)).not.toHaveProperty('nvidia.com/gpu');
  });

  it('waits in the queue of Kueue when there is one', () => {
    const queued = renderJob(sampleJob);
    expect(queued.spec).toMatchObject({ suspend: true, activeDeadlineSeconds: 7200 });
    expect(queued.metadata.labels).toMatchObject({ 'kueue.x-k8s.io/queue-name': 'gpu-queue' });
    expect(renderJob(plainJob).spec).not.toHaveProperty('suspend');
  });

  it('has a name that Kubernetes takes, for every attempt', () => {
    const { jobId } = sampleJob.identity;
    const part = 'e3b0c44298fc1c149afbf4c8996fb924';
    const names = works.flatMap((work) => [
      jobName({ work, jobId, attempt: 99 }),
      jobName({ work, jobId, attempt: 99, part }),
    ]);
    expect(new Set(names).size).toBe(2 * works.length);
    for (const name of names) {
      expect(name).toMatch(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/);
      expect(name.length).toBeLessThanOrEqual(63);
    }
  });

  it('has the knobs by which such Jobs are known in its ConfigMap', () => {
    const { data } = renderConfigMap(ownerOf(sampleJob));
    expect(data).toMatchObject({
      NUM_PROCESSES: '3',
      YAML_FILE: '/etc/anneal/axolotl.yaml',
      MODEL_NAME: 'gemma-2-2b-math',
      'axolotl.yaml': 'base_model: model\n',
    });
  });

  it('names the first pod to all of several nodes', () => {
    const { service, job } = renderMultiNode(sampleJob, 2);
    const { name } = service.metadata;
    const pod = job.spec.template.spec;
    expect(pod.subdomain).toBe(name);
    const args = pod.containers[0]?.args ?? [];
    expect(args.slice(2, 7)).toEqual([
      ...['launch', '--num_machines=2', '--machine_rank=$(JOB_COMPLETION_INDEX)'],
      ...[`--main_process_ip=${name}-0.${name}`, '--main_process_port=29500'],
    ]);
    expect(args.filter((arg) => arg.startsWith('--num_machines'))).toHaveLength(1);
  });
});

describe('the checks themselves', () => {
  it('find a field that Kubernetes does not know, and a value of the wrong type', () => {
    const job = renderJob(plainJob);
    expect(problemsOf({ ...job, spec: { ...job.spec, backoffLimits: 0 } })).toEqual([
      'batch/v1 Job: /spec has the unknown field backoffLimits',
    ]);
    expect(problemsOf({ ...job, spec: { ...job.spec, backoffLimit: 'none' } })).toEqual([
      'batch/v1 Job: /spec/backoffLimit must be integer,null',
    ]);
  });

  it('find what the manifest of the reference run asked for', () => {
    const asked = {
      containers: [{ name: 'train', securityContext: { privileged: true, capabilities: { add: ['SYS_ADMIN'] } } }],
      volumes: [{ name: 'cache', hostPath: { path: '/data' } }],
    };
    expect(restrictedProblems(asked)).toEqual([
      'the volume cache is of the type hostPath',
      ...[
        ...['is privileged', 'may gain privileges', 'may run as root', 'has no number of a user'],
        ...['has no seccomp profile', 'does not drop all capabilities', 'adds capabilities'],
        ...['may write to its image', 'has no limit of memory'],
      ].map((problem) => `the container train ${problem}`),
    ]);
  });
});

describe('the manifests of docs/kubernetes.md', () => {
  const objects = yamlBlocks.flatMap((text) => parseAllDocuments(text).map((document) => document.toJS() as unknown));
  const kinds = objects.map((object) => (object as { kind?: string }).kind);

  it('are by the schemas of Kubernetes', () => {
    expect(kinds).toEqual(
      expect.arrayContaining(['Namespace', 'ServiceAccount', 'Role', 'RoleBinding', 'NetworkPolicy']),
    );
    for (const object of objects) expect(problemsOf(object)).toEqual([]);
  });

  it('let the services do what they do and nothing else', () => {
    const role = objects.find((object) => (object as { kind: string }).kind === 'Role') as { rules: unknown };
    expect(role.rules).toEqual([
      { apiGroups: ['batch'], resources: ['jobs'], verbs: ['create', 'get', 'list', 'watch', 'delete'] },
      { apiGroups: [''], resources: ['pods'], verbs: ['list', 'watch'] },
      { apiGroups: [''], resources: ['pods/log'], verbs: ['get'] },
      { apiGroups: [''], resources: ['configmaps', 'secrets'], verbs: ['create'] },
    ]);
  });

  it('show the Job as it is rendered', () => {
    const shown = parse(yamlBlocks.find((text) => text.includes('kind: Job')) ?? '') as unknown;
    expect(shown).toEqual(JSON.parse(JSON.stringify(renderJob(sampleJob))));
  });
});
