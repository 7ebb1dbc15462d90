import { baseConfigShape, cacheConfigShape, storeConfigShape, workConfigShape } from '@anneal/service';
import { z } from 'zod';

export const publisherConfig = z.object({
  ...baseConfigShape,
  ...storeConfigShape,
  ...workConfigShape,
  ...cacheConfigShape,
  HF_ENDPOINT: z.url().default('https://huggingface.co').describe('Hub to which models are published.'),
});
export type PublisherConfig = z.infer<typeof publisherConfig>;
