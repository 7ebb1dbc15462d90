import { EvaluationCompleted, type EventData } from '@anneal/contracts';

/** What a publish job works with: all that the run found out so far. */
export const publishInput = EvaluationCompleted.data;
export type PublishInput = EventData<typeof EvaluationCompleted>;
