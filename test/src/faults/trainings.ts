import { basename } from 'node:path';
import type { CheapEngine } from './cheap-engine.js';
import { trainingsBelow } from './processes.js';

export const leaseSeconds = 3;

/** The trainings of a world as they are seen from outside, on whichever host they run. */
export interface Trainings {
  /** For how long a training goes on that no trainer attends to, seconds. */
  readonly alone: { readonly least: number; readonly most: number };
  /** More variables for a trainer. */
  environment(replica: number): Record<string, string>;
  /** Those that live now and have to be the only ones of their runs. */
  living(): { run: string; pid: number }[];
  /** The run of every start, in their order. */
  starts(): string[];
  /** What may stand in no log and no event, beside what the services know. */
  readonly secrets: readonly string[];
  /** Everything that their host said or was told, in which no secret may stand. */
  said(): string;
  /** What is still there of them, the services apart. */
  leftOver(): Promise<string[]>;
  /** Ends whatever still runs. */
  close(): Promise<void>;
}

/** On the machine of the services: a process for each training, in the folder of its run. */
export class LocalTrainings implements Trainings {
  readonly alone = { least: leaseSeconds, most: 2 * leaseSeconds + 6 };
  readonly secrets: readonly string[] = [];

  constructor(
    private readonly folder: string,
    private readonly engine: CheapEngine,
  ) {}

  environment(): Record<string, string> {
    return {};
  }

  living(): { run: string; pid: number }[] {
    return trainingsBelow(this.folder).map(({ pid, folder }) => ({ run: basename(folder), pid }));
  }

  starts(): string[] {
    return this.engine.trainingStarts().map((folder) => basename(folder));
  }

  said(): string {
    return '';
  }

  /** The process table is looked at when the services have ended. */
  leftOver(): Promise<string[]> {
    return Promise.resolve([]);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
