import { ModelMerged, type EventData } from '@anneal/contracts';

/** What a judgement goes on with: all that the run found out so far. The answers are in the table. */
export const judgeInput = ModelMerged.data;
export type JudgeInput = EventData<typeof ModelMerged>;
