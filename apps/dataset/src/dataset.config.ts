import { baseConfigShape, fileRootsShape, storeConfigShape, workConfigShape } from '@anneal/service';
import { z } from 'zod';

export const datasetConfig = z.object({
  ...baseConfigShape,
  ...storeConfigShape,
  ...workConfigShape,
  ...fileRootsShape,
  HF_ENDPOINT: z.url().default('https://huggingface.co').describe('Hub from which datasets are fetched.'),
  HF_TOKEN: z.string().min(1).optional().describe('Token for gated datasets.'),
});
export type DatasetConfig = z.infer<typeof datasetConfig>;
