import { baseConfigShape, storeConfigShape, workConfigShape } from '@anneal/service';
import { z } from 'zod';

export const publisherConfig = z.object({
  ...baseConfigShape,
  ...storeConfigShape,
  ...workConfigShape,
  HF_ENDPOINT: z.url().default('https://huggingface.co').describe('Hub to which models are published.'),
});
export type PublisherConfig = z.infer<typeof publisherConfig>;
