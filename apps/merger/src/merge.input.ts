import { TrainingCompleted, type EventData } from '@anneal/contracts';

export const mergeInput = TrainingCompleted.data;
export type MergeInput = EventData<typeof TrainingCompleted>;
