export { clusterAccess, readKubeConfig, type ClusterAccess } from './cluster-access.js';
export { ApiError, ClusterClient } from './cluster-client.js';
export type { Job, Pod } from './cluster-objects.js';
export { podState, type PodState } from './pod-state.js';
export { ClusterJobs } from './cluster-jobs.js';
export { containerNames, nameLabelOf, type ClusterWork } from './cluster-work.js';
export {
  annotations,
  folders,
  jobIdIn,
  jobName,
  labels,
  labelsOf,
  type ClusterSettings,
  type JobIdentity,
  type PodResources,
  type ClusterJob,
} from './cluster-job.js';
