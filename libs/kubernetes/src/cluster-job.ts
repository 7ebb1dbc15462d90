import { z } from 'zod';
import type { Job } from './cluster-objects.js';
import { containerNames, nameLabelOf, type ClusterWork } from './cluster-work.js';

/** Everything that a Job says. Nothing in it is a user's text but values of `variables` and `files`. */
export interface ClusterJob {
  readonly identity: JobIdentity;
  readonly image: string;
  /** What the container starts; `$(NAME)` in `args` is filled in by Kubernetes from the environment. */
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Variables of the container that stand in its ConfigMap, where people look for them. */
  readonly variables: Readonly<Record<string, string>>;
  /** Files of the ConfigMap, such as the rendered Axolotl configuration; they lie in the folder of configuration. */
  readonly files: Readonly<Record<string, string>>;
  readonly resources: PodResources;
  /** Of the whole Job, from its start; none when left out. */
  readonly maxSeconds?: number | undefined;
  /** From SIGTERM to SIGKILL: for a training to finish a step, write a checkpoint and send it. */
  readonly graceSeconds: number;
  readonly settings: ClusterSettings;
}

/** For whom a Job works. All of it is in its labels and annotations. */
export interface JobIdentity {
  readonly work: ClusterWork;
  /** Whose Jobs these are, where several installations share a namespace. */
  readonly installation: string;
  readonly jobId: string;
  readonly runId: string;
  readonly attempt: number;
  /** Tells the Jobs of one attempt apart, where it has several: a digest of what this one does. */
  readonly part?: string | undefined;
  /** Which retry of the run it is for. */
  readonly turn: number;
  /** Fencing token of the lease under which it was made. */
  readonly token: string;
  /** Tells the starts of one attempt apart. */
  readonly start: string;
  /** What the pod fetches, for a service that knows nothing but the Job. */
  readonly inputs: string;
  /** Digest of the plan artifact that holds its configuration, where that is wanted later. */
  readonly configDigest?: string | undefined;
}

export interface PodResources {
  /** 0 computes on the CPU. */
  readonly gpus: number;
  readonly cpus: number;
  /** Gibibytes. */
  readonly memory: number;
  /** Gibibytes of the node's disk, for the model, the rows and the checkpoints. */
  readonly disk: number;
  /** Gibibytes of memory for /dev/shm. */
  readonly sharedMemory: number;
}

/** What the operator says about the cluster. */
export interface ClusterSettings {
  readonly gpuResource: string;
  /** Name of a Kueue LocalQueue; the Job starts suspended then. */
  readonly queue?: string | undefined;
  /** Name of a PersistentVolumeClaim for base models. */
  readonly cacheClaim?: string | undefined;
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly pullSecret?: string | undefined;
  readonly priorityClass?: string | undefined;
  /** How long a finished Job stays, so that its end is seen after a long time without a service. */
  readonly keepSeconds: number;
}

export const labels = {
  managedBy: 'app.kubernetes.io/managed-by',
  name: 'app.kubernetes.io/name',
  installation: 'anneal.dev/installation',
  job: 'anneal.dev/job',
  attempt: 'anneal.dev/attempt',
  token: 'anneal.dev/token',
} as const;
export const annotations = {
  run: 'anneal.dev/run',
  turn: 'anneal.dev/turn',
  start: 'anneal.dev/start',
  inputs: 'anneal.dev/inputs',
  config: 'anneal.dev/config',
  part: 'anneal.dev/part',
  configuration: 'anneal.dev/configuration',
} as const;

export const folders = {
  work: '/work',
  config: '/etc/anneal',
  cache: '/cache',
} as const;
const user = 10_001;

/** What an annotation says of the ConfigMap of a Job, for whoever finds the Job without it. */
const configuration = z.record(z.string(), z.string());

/** Of the 63 characters of a name, work, job and attempt leave room for these. */
const partDigits = 6;

/** The name of an attempt's Job, or of a part of it: a second start is refused with AlreadyExists. */
export function jobName({
  work,
  jobId,
  attempt,
  part,
}: Pick<JobIdentity, 'work' | 'jobId' | 'attempt' | 'part'>): string {
  const end = part === undefined ? '' : `-${part.slice(0, partDigits)}`;
  return `anneal-${containerNames[work]}-${jobId}-a${attempt}${end}`;
}

/** The job of a Job whose name a text begins with; undefined when it is of other work. */
export function jobIdIn(work: ClusterWork, text: string): string | undefined {
  return new RegExp(`^anneal-${containerNames[work]}-([0-9a-f-]{36})-a\\d+`).exec(text)?.[1];
}

export function labelsOf({ work, installation, jobId, attempt, token }: JobIdentity): Record<string, string> {
  return {
    [labels.managedBy]: 'anneal',
    [labels.name]: nameLabelOf(work),
    [labels.installation]: installation,
    [labels.job]: jobId,
    [labels.attempt]: String(attempt),
    [labels.token]: token,
  };
}

/** The Job of one attempt, which runs one pod once: attempts are counted by the service and nowhere else. */
export function renderJob(job: ClusterJob) {
  const { identity, settings } = job;
  const name = jobName(identity);
  const own = labelsOf(identity);
  const told = { [annotations.run]: identity.runId, [annotations.start]: identity.start };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name,
      labels: { ...own, ...(settings.queue === undefined ? {} : { 'kueue.x-k8s.io/queue-name': settings.queue }) },
      annotations: {
        ...told,
        [annotations.turn]: String(identity.turn),
        [annotations.inputs]: identity.inputs,
        ...(identity.configDigest === undefined ? {} : { [annotations.config]: identity.configDigest }),
        ...(identity.part === undefined ? {} : { [annotations.part]: identity.part }),
        [annotations.configuration]: JSON.stringify({ ...job.variables, ...job.files }),
      },
    },
    spec: {
      completions: 1,
      parallelism: 1,
      backoffLimit: 0,
      // No second pod beside one that may still work on a node that is lost.
      podReplacementPolicy: 'Failed',
      ...(settings.queue === undefined ? {} : { suspend: true }),
      ...(job.maxSeconds === undefined ? {} : { activeDeadlineSeconds: Math.max(1, Math.ceil(job.maxSeconds)) }),
      ttlSecondsAfterFinished: settings.keepSeconds,
      template: { metadata: { labels: own, annotations: told }, spec: renderPod(job, name) },
    },
  };
}

/** A pod under the restricted Pod Security Standard. */
function renderPod(job: ClusterJob, name: string) {
  const { identity, image, command, args, env, variables, resources, graceSeconds, settings } = job;
  const { gpus } = resources;
  const limits = {
    cpu: String(resources.cpus),
    memory: `${resources.memory}Gi`,
    'ephemeral-storage': `${resources.disk}Gi`,
    ...(gpus === 0 ? {} : { [settings.gpuResource]: String(gpus) }),
  };
  const fromConfig = (key: string) => ({ name: key, valueFrom: { configMapKeyRef: { name, key } } });
  return {
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: graceSeconds,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    ...(settings.pullSecret === undefined ? {} : { imagePullSecrets: [{ name: settings.pullSecret }] }),
    ...(settings.priorityClass === undefined ? {} : { priorityClassName: settings.priorityClass }),
    ...(Object.keys(settings.nodeSelector).length === 0 ? {} : { nodeSelector: { ...settings.nodeSelector } }),
    ...(gpus === 0 ? {} : { tolerations: [{ key: settings.gpuResource, operator: 'Exists', effect: 'NoSchedule' }] }),
    securityContext: {
      runAsNonRoot: true,
      runAsUser: user,
      runAsGroup: user,
      fsGroup: user,
      fsGroupChangePolicy: 'OnRootMismatch',
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [
      {
        name: containerNames[identity.work],
        image,
        command: [...command],
        args: [...args],
        workingDir: folders.work,
        env: [
          ...Object.keys(variables).map(fromConfig),
          { name: 'ANNEAL_ORDERS_URL', valueFrom: { secretKeyRef: { name, key: 'ordersUrl' } } },
          ...(settings.cacheClaim === undefined ? [] : [{ name: 'ANNEAL_CACHE', value: folders.cache }]),
          ...Object.entries(env).map(([key, value]) => ({ name: key, value })),
        ],
        resources: { requests: limits, limits },
        // The last lines of the log reach the pod's status, where they outlive the log.
        terminationMessagePolicy: 'FallbackToLogsOnError',
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        },
        volumeMounts: [
          { name: 'work', mountPath: folders.work },
          { name: 'tmp', mountPath: '/tmp' },
          { name: 'shm', mountPath: '/dev/shm' },
          { name: 'config', mountPath: folders.config, readOnly: true },
          ...(settings.cacheClaim === undefined ? [] : [{ name: 'cache', mountPath: folders.cache }]),
        ],
      },
    ],
    volumes: [
      { name: 'work', emptyDir: { sizeLimit: `${resources.disk}Gi` } },
      { name: 'tmp', emptyDir: { sizeLimit: '10Gi' } },
      { name: 'shm', emptyDir: { medium: 'Memory', sizeLimit: `${resources.sharedMemory}Gi` } },
      { name: 'config', configMap: { name } },
      ...(settings.cacheClaim === undefined
        ? []
        : [{ name: 'cache', persistentVolumeClaim: { claimName: settings.cacheClaim } }]),
    ],
  };
}

/** The Job to which something belongs, as the cluster has it: all that is said with it stands there, too. */
type Owner = Pick<Job['metadata'], 'name' | 'uid' | 'labels' | 'annotations'>;

function ownedBy({ name, uid, labels: told }: Owner) {
  return {
    name,
    labels: Object.fromEntries(Object.values(labels).map((key) => [key, told[key] ?? ''])),
    // Goes when the Job goes. Not blocking: that would ask for the right to change the Job's finalizers.
    ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name, uid, controller: false, blockOwnerDeletion: false }],
  };
}

/** The configuration, and the knobs by which people know such Jobs. */
export function renderConfigMap(owner: Owner) {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    immutable: true,
    metadata: ownedBy(owner),
    data: configuration.parse(JSON.parse(owner.annotations[annotations.configuration] ?? '{}')),
  };
}

/** The one link that a pod is given; all others it reads there. Whoever has it can read what the pod can. */
export function renderOrdersSecret(owner: Owner, ordersUrl: string) {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'Opaque',
    immutable: true,
    metadata: ownedBy(owner),
    stringData: { ordersUrl },
  };
}
