import {
  defaultProject,
  stageNames,
  type AcceptedRunSpec,
  type ArtifactRef,
  type RunView,
  type SpecProblem,
  type StageName,
  type StageView,
} from '@anneal/contracts';

/** A run as the gateway keeps it. What it shows is a part of this: see `run.view.ts`. */
export interface RunRecord extends Omit<RunView, 'spec'> {
  /** Only grows; a reader that has seen version n needs to look again when it is larger. */
  readonly version: number;
  /** Place of the last change among the changes of all runs: a reader goes on from it. */
  readonly change: number;
  /** Rises with every word on the run's course; the word carries it, so that stages can tell an older one. */
  readonly turn: number;
  /** For stages that were begun anew, the turn of that retry: what they said before it is no news any more. */
  readonly renewed: Readonly<Partial<Record<StageName, number>>>;
  /** Absent for a rejected run, and as long as only an event without RunSpec has told of the run. */
  readonly spec?: AcceptedRunSpec | undefined;
  readonly report?: ArtifactRef | undefined;
}

/** A run that has just been asked for. */
export function openedRun(spec: AcceptedRunSpec, at: string, project = defaultProject): RunRecord {
  return { ...unknownRun(spec.id, at, project), name: spec.name, spec };
}

/** A run of which nothing is known but its id: events of different services may arrive in any order. */
export function unknownRun(id: string, at: string, project = defaultProject): RunRecord {
  const stages = stageNames.map((stage): StageView => ({ stage, state: 'waiting', attempts: [], artifacts: [] }));
  return {
    id,
    project,
    name: id,
    state: 'running',
    version: 1,
    change: 0,
    turn: 0,
    renewed: {},
    createdAt: at,
    stages,
  };
}

/** A request that cannot become a run. */
export function rejectedRun(id: string, problems: SpecProblem[], at: string, project?: string): RunRecord {
  return { ...unknownRun(id, at, project), state: 'rejected', finishedAt: at, stages: [], problems };
}
