import { describe, expect, it } from 'vitest';
import { restrictedProblems } from './restricted.js';

const container = {
  name: 'trainer',
  securityContext: {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  },
  resources: { limits: { memory: '1Gi' } },
};
const pod = {
  securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
  containers: [container],
  volumes: [{ name: 'tmp', emptyDir: {} }],
};
const withContainer = (more: object): object => ({
  ...pod,
  containers: [{ ...container, securityContext: { ...container.securityContext, ...more } }],
});

describe('the restricted standard', () => {
  it('lets a pod in that gave everything up', () => {
    expect(restrictedProblems(pod)).toEqual([]);
  });

  it.each<[object, RegExp]>([
    [withContainer({ privileged: true }), /is privileged/],
    [withContainer({ allowPrivilegeEscalation: undefined }), /gain privileges/],
    [withContainer({ runAsUser: 0 }), /runs as root/],
    [withContainer({ runAsNonRoot: false }), /may run as root/],
    [withContainer({ capabilities: { drop: ['ALL'], add: ['SYS_ADMIN'] } }), /adds capabilities/],
    [withContainer({ capabilities: {} }), /drop all/],
    [withContainer({ seccompProfile: { type: 'Unconfined' } }), /seccomp/],
    [withContainer({ readOnlyRootFilesystem: false }), /write to its image/],
    [{ ...pod, securityContext: { ...pod.securityContext, runAsUser: undefined } }, /number of a user/],
    [{ ...pod, hostIPC: true }, /hostIPC/],
    [{ ...pod, volumes: [{ name: 'host', hostPath: { path: '/' } }] }, /hostPath/],
    [{ ...pod, containers: [{ ...container, ports: [{ hostPort: 80 }] }] }, /port of the host/],
    [{ ...pod, containers: [{ ...container, resources: {} }] }, /limit of memory/],
    [{ ...pod, initContainers: [{ name: 'early' }] }, /container early/],
  ])('keeps out %j', (spec, problem) => {
    expect(restrictedProblems(spec).join('; ')).toMatch(problem);
  });
});
