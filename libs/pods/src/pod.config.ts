import { hostsText } from '@anneal/contracts';
import { z } from 'zod';

const whole = (text: string, least: number, most: number) =>
  z.coerce.number().int().min(least).max(most).describe(text);
const objectName = z
  .string()
  .max(253)
  .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, 'must be the name of a Kubernetes object');
const label = z
  .string()
  .max(63)
  .regex(/^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/, 'must be a value of a Kubernetes label');
const pairs = z
  .string()
  .default('')
  .transform((text) => text.split(',').filter(Boolean))
  .refine((terms) => terms.every((term) => /^[A-Za-z0-9._/-]+=[A-Za-z0-9._-]*$/.test(term)), 'must be KEY=VALUE,...')
  .transform((terms) => Object.fromEntries(terms.map((term) => term.split('=', 2) as [string, string])));

/** Where a service has its work done. */
export const workHost = (work: string) =>
  z
    .enum(['local', 'kubernetes'])
    .default('local')
    .describe(`Where ${work} run: on this machine, or as Jobs of a Kubernetes cluster.`);

/** What a service is told about a cluster; only read when its work runs in one. */
export const podConfigShape = {
  KUBECONFIG: z.string().min(1).optional().describe('File with the way to the cluster; left out inside of one.'),
  KUBERNETES_NAMESPACE: label.optional().describe('Where Jobs are made; the own one when left out.'),
  KUBERNETES_INSTALLATION: label
    .default('anneal')
    .describe('Tells the Jobs of several installations in one namespace apart.'),
  KUBERNETES_IMAGE: z.string().min(1).optional().describe('The engine image that pods run; needed for kubernetes.'),
  KUBERNETES_PYTHON: z
    .string()
    .min(1)
    .default('/opt/anneal/engine/bin/python')
    .describe('Python of the engine in the image.'),
  KUBERNETES_ENGINE_CODE: z
    .string()
    .min(1)
    .default('/anneal/libs/engine/python')
    .describe('Folder of the image with the package anneal_engine.'),
  KUBERNETES_HOSTS: z
    .string()
    .refine((text) => hostsText.safeParse(text).success, 'must be like 8x80GB, or cpu')
    .default('cpu')
    .describe('What one node has to give to a pod: 8x80GB, or cpu.'),
  KUBERNETES_GPU_RESOURCE: z
    .string()
    .regex(/^[a-z0-9.-]+\/[A-Za-z0-9._-]+$/)
    .default('nvidia.com/gpu')
    .describe('By which name the cluster gives out GPUs.'),
  KUBERNETES_CPUS: whole('CPUs of a pod.', 1, 1024).default(8),
  KUBERNETES_MEMORY_GB: whole('Gibibytes of memory of a pod.', 1, 65_536).default(64),
  KUBERNETES_DISK_GB: whole('Gibibytes of disk of a pod.', 1, 65_536).default(200),
  KUBERNETES_SHM_GB: whole('Gibibytes of memory for /dev/shm, which count as memory of the pod.', 1, 4096).default(8),
  KUBERNETES_QUEUE: objectName.optional().describe('LocalQueue of Kueue in which Jobs wait; none when left out.'),
  KUBERNETES_CACHE_CLAIM: objectName.optional().describe('PersistentVolumeClaim that keeps base models.'),
  KUBERNETES_NODE_SELECTOR: pairs.describe('Labels of the nodes to work on, as KEY=VALUE,KEY=VALUE.'),
  KUBERNETES_PULL_SECRET: objectName.optional().describe('Secret with which the image is pulled.'),
  KUBERNETES_PRIORITY_CLASS: objectName.optional().describe('PriorityClass of the pods.'),
  KUBERNETES_STORE_ENDPOINT: z
    .url()
    .optional()
    .describe('Address by which pods know the object store; S3_ENDPOINT when left out.'),
  KUBERNETES_POLL_SECONDS: z.coerce
    .number()
    .min(0.1)
    .max(60)
    .default(2)
    .describe('How often a pod looks for orders in the object store.'),
  KUBERNETES_STUCK_SECONDS: whole('How long an image that cannot be pulled is waited for.', 1, 86_400).default(300),
  KUBERNETES_SCHEDULE_SECONDS: whole('How long a pod may wait for a node.', 1, 2_592_000).default(86_400),
  KUBERNETES_KEEP_SECONDS: whole('How long a finished Job stays, for a service that was away.', 60, 2_592_000).default(
    172_800,
  ),
} as const;
export type PodConfig = z.infer<z.ZodObject<typeof podConfigShape>>;

/** For services whose work goes on in a pod while they are away. */
export const adoptConfigShape = {
  ADOPT_SECONDS: z.coerce
    .number()
    .int()
    .min(1)
    .default(900)
    .describe('How long a pod that was left running waits for a service to adopt it before it ends.'),
} as const;
