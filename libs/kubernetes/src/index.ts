export { clusterAccess, readKubeConfig, type ClusterAccess } from './cluster-access.js';
export { ApiError, ClusterClient } from './cluster-client.js';
export type { Job, Pod } from './cluster-objects.js';
export { podState, type PodState } from './pod-state.js';
export { TrainingJobs } from './training-jobs.js';
export {
  annotations,
  folders,
  jobName,
  labels,
  labelsOf,
  type ClusterSettings,
  type JobIdentity,
  type PodResources,
  type TrainingJob,
} from './training-job.js';
