export type {
  ExitRecord,
  Gpu,
  ProcessIdentity,
  ProcessSpec,
  ProcessState,
  SupervisedProcess,
} from './process-types.js';
export { adoptProcess, startProcess } from './supervised-process.js';
export { followJsonLines } from './json-lines.js';
export { isSlotFree, isSlotTaken, slotFile } from './slots.js';
export { schedule } from './scheduler/schedule.js';
export type { HoldingJob, HostsState, WaitingJob } from './scheduler/scheduler-types.js';
export { detectGpus } from './gpus.js';
export { runToEnd, type RunToEndOptions, type RunToEndResult } from './run-to-end.js';
export { freePort } from './free-port.js';
