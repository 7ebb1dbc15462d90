import { z } from 'zod';

const securityContext = z.looseObject({
  privileged: z.boolean().optional(),
  allowPrivilegeEscalation: z.boolean().optional(),
  runAsNonRoot: z.boolean().optional(),
  runAsUser: z.number().optional(),
  procMount: z.string().optional(),
  readOnlyRootFilesystem: z.boolean().optional(),
  seccompProfile: z.looseObject({ type: z.string() }).optional(),
  appArmorProfile: z.looseObject({ type: z.string() }).optional(),
  capabilities: z
    .looseObject({ add: z.array(z.string()).default([]), drop: z.array(z.string()).default([]) })
    .optional(),
  seLinuxOptions: z.looseObject({}).optional(),
  windowsOptions: z.looseObject({}).optional(),
  sysctls: z.array(z.unknown()).optional(),
});
const container = z.looseObject({
  name: z.string(),
  securityContext: securityContext.default({}),
  ports: z.array(z.looseObject({ hostPort: z.number().optional() })).default([]),
  resources: z.looseObject({ limits: z.record(z.string(), z.unknown()).default({}) }).default({ limits: {} }),
});
const podSpec = z.looseObject({
  hostNetwork: z.boolean().optional(),
  hostPID: z.boolean().optional(),
  hostIPC: z.boolean().optional(),
  securityContext: securityContext.default({}),
  initContainers: z.array(container).default([]),
  containers: z.array(container).min(1),
  volumes: z.array(z.looseObject({ name: z.string() })).default([]),
});
type Container = z.infer<typeof container>;
type SecurityContext = z.infer<typeof securityContext>;

const volumeTypes = new Set([
  ...['configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral', 'persistentVolumeClaim', 'projected', 'secret'],
]);
const seccompTypes = new Set(['RuntimeDefault', 'Localhost']);

/**
 * What keeps a pod out of a namespace that enforces the restricted standard, control by control, as in
 * https://kubernetes.io/docs/concepts/security/pod-security-standards/. Beyond it, a pod of ours may write to volumes only
 * and has a limit of memory.
 */
export function restrictedProblems(spec: unknown): string[] {
  const pod = podSpec.parse(spec);
  const hostSpaces = (['hostNetwork', 'hostPID', 'hostIPC'] as const)
    .filter((space) => pod[space])
    .map((space) => `${space} is on`);
  const volumes = pod.volumes.flatMap(({ name, ...sources }) =>
    Object.keys(sources)
      .filter((type) => !volumeTypes.has(type))
      .map((type) => `the volume ${name} is of the type ${type}`),
  );
  const containers = [...pod.initContainers, ...pod.containers].flatMap((one) =>
    containerProblems(one, pod.securityContext),
  );
  const sysctls = pod.securityContext.sysctls?.length ? ['sysctls are set'] : [];
  return [...hostSpaces, ...volumes, ...sysctls, ...containers];
}

function containerProblems(
  { name, securityContext: own, ports, resources }: Container,
  ofPod: SecurityContext,
): string[] {
  const { capabilities } = own;
  const user = own.runAsUser ?? ofPod.runAsUser;
  const seccomp = own.seccompProfile ?? ofPod.seccompProfile;
  const appArmor = own.appArmorProfile ?? ofPod.appArmorProfile;
  const rules: [broken: boolean, problem: string][] = [
    [own.privileged === true, 'is privileged'],
    [own.allowPrivilegeEscalation !== false, 'may gain privileges'],
    [(own.runAsNonRoot ?? ofPod.runAsNonRoot) !== true, 'may run as root'],
    [user === 0, 'runs as root'],
    // Without a number, Kubernetes cannot tell that the user of the image is not root.
    [user === undefined, 'has no number of a user'],
    [!seccomp || !seccompTypes.has(seccomp.type), 'has no seccomp profile'],
    [appArmor?.type === 'Unconfined', 'has no AppArmor profile'],
    [!capabilities?.drop.includes('ALL'), 'does not drop all capabilities'],
    [(capabilities?.add ?? []).some((added) => added !== 'NET_BIND_SERVICE'), 'adds capabilities'],
    [own.procMount !== undefined && own.procMount !== 'Default', 'has an own /proc'],
    [own.seLinuxOptions !== undefined || ofPod.seLinuxOptions !== undefined, 'sets SELinux options'],
    [own.windowsOptions !== undefined || ofPod.windowsOptions !== undefined, 'sets options of Windows'],
    [ports.some(({ hostPort }) => hostPort), 'takes a port of the host'],
    [own.readOnlyRootFilesystem !== true, 'may write to its image'],
    [resources.limits['memory'] === undefined, 'has no limit of memory'],
  ];
  return rules.filter(([broken]) => broken).map(([, problem]) => `the container ${name} ${problem}`);
}
