import { carriedRunSpec } from '@anneal/contracts';
import { z } from 'zod';

export const prepareInput = z.object({ spec: carriedRunSpec });
export type PrepareInput = z.infer<typeof prepareInput>;
