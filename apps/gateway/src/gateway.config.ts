import { baseConfigShape, storeConfigShape } from '@anneal/service';
import { z } from 'zod';

export const gatewayConfig = z.object({
  ...baseConfigShape,
  ...storeConfigShape,
  API_KEY: z
    .string()
    .min(16, 'must have at least 16 characters')
    .describe('Callers of the API send it as "Authorization: Bearer KEY".'),
});
export type GatewayConfig = z.infer<typeof gatewayConfig>;
