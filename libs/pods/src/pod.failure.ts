import { Failure } from '@anneal/contracts';
import type { PodExit } from './pod.run.js';

/** Exit statuses of the pod runner itself. */
const noInputs = 70;
const notTaken = 71;

const remedy = 'It is tried again; if it stays, check that this service and its pods reach the object store.';

/** What ended a pod, where that was not the work in it. */
export function failureOfPod({ failure, code }: PodExit): Failure | undefined {
  if (failure !== undefined) return failure;
  if (code === noInputs) return new Failure('KILLED', 'The pod ended before its work began.', { remedy });
  return code === notTaken ? resultMissing() : undefined;
}

/** The work came to its end, and what it made is not there. */
export function resultMissing(): Failure {
  return new Failure('KILLED', 'The pod ended before its result was in the object store.', { remedy });
}
