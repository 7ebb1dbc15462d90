export { adoptConfigShape, podConfigShape, workHost } from './pod.config.js';
export { attendPod } from './pod.attendance.js';
export { LastLines } from './last.lines.js';
export { failureOfPod, resultMissing } from './pod.failure.js';
export { storeModel, type PodInput } from './pod.inputs.js';
export { describeJob, type PodPiece } from './pod.job.js';
export { podProviders } from './pod.provider.js';
export { PodRun, type PodListener } from './pod.run.js';
export { isFinished, Pods } from './pods.js';
