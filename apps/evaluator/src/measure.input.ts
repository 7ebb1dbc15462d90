import { carriedRunSpec, DatasetPrepared, ModelMerged } from '@anneal/contracts';
import { z } from 'zod';

/** What a measurement works with. The base may be measured before there is a dataset, unless held-out rows are asked. */
export const measureInput = z.discriminatedUnion('subject', [
  z.object({
    subject: z.literal('base'),
    spec: carriedRunSpec,
    dataset: DatasetPrepared.data.shape.dataset.optional(),
  }),
  z.object({ subject: z.literal('tuned'), merged: ModelMerged.data }),
]);
export type MeasureInput = z.infer<typeof measureInput>;
