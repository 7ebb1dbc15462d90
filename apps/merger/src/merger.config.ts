import { availableParallelism } from 'node:os';
import { hostConfigShape } from '@anneal/devices';
import { adoptConfigShape, podConfigShape, workHost } from '@anneal/pods';
import { baseConfigShape, cacheConfigShape, fileRootsShape, storeConfigShape, workConfigShape } from '@anneal/service';
import { z } from 'zod';

export const mergerConfig = z.object({
  ...baseConfigShape,
  ...storeConfigShape,
  ...workConfigShape,
  ...cacheConfigShape,
  ...fileRootsShape,
  ...hostConfigShape,
  MERGE_HOST: workHost('merges'),
  ...podConfigShape,
  ...adoptConfigShape,
  ENGINE_PYTHON: z.string().min(1).describe('Python of the environment that holds Axolotl.'),
  HF_ENDPOINT: z.url().default('https://huggingface.co').describe('Hub from which base models are fetched.'),
  HF_TOKEN: z.string().min(1).optional().describe('Token for gated models.'),
  THREADS: z.coerce
    .number()
    .int()
    .min(1)
    .default(availableParallelism())
    .describe('Threads of a merge; all cores when left out.'),
});
export type MergerConfig = z.infer<typeof mergerConfig>;
