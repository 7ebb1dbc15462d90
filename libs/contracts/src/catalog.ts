import type { EventDefinition } from './event.js';
import {
  CancelRequested,
  PauseRequested,
  ResumeRequested,
  RetryRequested,
  RunCancelled,
  RunFailed,
  RunRejected,
  RunSucceeded,
  TrainRequested,
} from './run.events.js';
import {
  DatasetPrepared,
  EvaluationCompleted,
  ModelMerged,
  ModelPublished,
  ModelWithheld,
  StageAttempted,
  StageFailed,
  TrainingCompleted,
  TrainingPaused,
  TrainingStarted,
} from './stage.events.js';

/** Every durable event, in the order of a run. */
export const events = {
  TrainRequested,
  RunRejected,
  CancelRequested,
  PauseRequested,
  ResumeRequested,
  RetryRequested,
  DatasetPrepared,
  TrainingStarted,
  TrainingPaused,
  TrainingCompleted,
  ModelMerged,
  EvaluationCompleted,
  ModelPublished,
  ModelWithheld,
  StageAttempted,
  StageFailed,
  RunSucceeded,
  RunFailed,
  RunCancelled,
} as const;
export type EventName = keyof typeof events;

export const eventList: readonly EventDefinition[] = Object.values(events);

/** Finds an event by its CloudEvents type. */
export function eventByType(type: string): EventDefinition | undefined {
  return eventList.find((event) => event.type === type);
}
