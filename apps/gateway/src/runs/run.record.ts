import {
  stageNames,
  type AcceptedRunSpec,
  type ArtifactRef,
  type RunView,
  type SpecProblem,
  type StageView,
} from '@anneal/contracts';

/** A run as the gateway keeps it. What it shows is a part of this: see `run.view.ts`. */
export interface RunRecord extends Omit<RunView, 'spec'> {
  /** Only grows; a reader that has seen version n needs to look again when it is larger. */
  readonly version: number;
  /** Rises with every word on the run's course; the word carries it, so that stages can tell an older one. */
  readonly turn: number;
  /** Absent for a rejected run, and as long as only an event without RunSpec has told of the run. */
  readonly spec?: AcceptedRunSpec | undefined;
  readonly report?: ArtifactRef | undefined;
}

/** A run that has just been asked for. */
export function openedRun(spec: AcceptedRunSpec, at: string): RunRecord {
  return { ...unknownRun(spec.id, at), name: spec.name, spec };
}

/** A run of which nothing is known but its id: events of different services may arrive in any order. */
export function unknownRun(id: string, at: string): RunRecord {
  const stages = stageNames.map((stage): StageView => ({ stage, state: 'waiting' }));
  return { id, name: id, state: 'running', version: 1, turn: 0, createdAt: at, stages };
}

/** A request that cannot become a run. */
export function rejectedRun(id: string, problems: SpecProblem[], at: string): RunRecord {
  return { id, name: id, state: 'rejected', version: 1, turn: 0, createdAt: at, finishedAt: at, stages: [], problems };
}
