interface Container {
  name: string;
  securityContext?: Record<string, unknown> & {
    capabilities?: { drop?: string[]; add?: string[] };
    seccompProfile?: { type?: string };
  };
  ports?: { hostPort?: number }[];
}
interface PodSpec {
  hostNetwork?: boolean;
  hostPID?: boolean;
  hostIPC?: boolean;
  securityContext?: Record<string, unknown> & { seccompProfile?: { type?: string }; sysctls?: unknown[] };
  containers: Container[];
  initContainers?: Container[];
  volumes?: Record<string, unknown>[];
}

const volumesAllowed = new Set([
  ...['configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral', 'persistentVolumeClaim', 'projected', 'secret'],
]);
const seccompAllowed = new Set(['RuntimeDefault', 'Localhost']);

/**
 * What is against the restricted profile of the Pod Security Standards, control by control, with those of the baseline
 * profile that it includes (https://kubernetes.io/docs/concepts/security/pod-security-standards/).
 */
export function againstRestricted(pod: PodSpec): string[] {
  const found: string[] = [];
  const refuse = (condition: boolean, what: string): void => void (condition && found.push(what));
  const whole = pod.securityContext ?? {};
  refuse(pod.hostNetwork === true || pod.hostPID === true || pod.hostIPC === true, 'host namespaces');
  for (const volume of pod.volumes ?? []) {
    const type = Object.keys(volume).find((key) => key !== 'name') ?? 'emptyDir';
    refuse(!volumesAllowed.has(type), `volume of type ${type}`);
  }
  refuse(whole['runAsUser'] === 0, 'runAsUser 0');
  refuse((whole.sysctls?.length ?? 0) > 0, 'sysctls');
  for (const { name, securityContext: own = {}, ports = [] } of [...pod.containers, ...(pod.initContainers ?? [])]) {
    const is = (field: string): unknown => own[field] ?? whole[field];
    refuse(own['privileged'] === true, `${name}: privileged`);
    refuse(own['allowPrivilegeEscalation'] !== false, `${name}: allowPrivilegeEscalation`);
    refuse(is('runAsNonRoot') !== true, `${name}: runAsNonRoot`);
    refuse(own['runAsUser'] === 0, `${name}: runAsUser 0`);
    const seccomp = own.seccompProfile?.type ?? whole.seccompProfile?.type ?? '';
    refuse(!seccompAllowed.has(seccomp), `${name}: seccompProfile`);
    refuse(own.capabilities?.drop?.includes('ALL') !== true, `${name}: capabilities that are not dropped`);
    const added = own.capabilities?.add?.filter((capability) => capability !== 'NET_BIND_SERVICE') ?? [];
    refuse(added.length > 0, `${name}: capabilities ${added.join(', ')}`);
    refuse(own['procMount'] !== undefined && own['procMount'] !== 'Default', `${name}: procMount`);
    refuse(
      ports.some(({ hostPort = 0 }) => hostPort !== 0),
      `${name}: hostPort`,
    );
  }
  return found;
}
