import type { ExitRecord, ProcessSpec, SupervisedProcess } from './process-types.js';

export async function startProcess(_spec: ProcessSpec): Promise<SupervisedProcess> {
  throw new Error('not yet');
}

export async function adoptProcess(_directory: string): Promise<SupervisedProcess | { ended: ExitRecord } | undefined> {
  throw new Error('not yet');
}
