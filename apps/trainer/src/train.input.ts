import { DatasetPrepared } from '@anneal/contracts';
import { z } from 'zod';

const { spec, dataset } = DatasetPrepared.data.shape;
export const trainInput = z.object({ spec, dataset });
export type TrainInput = z.infer<typeof trainInput>;
