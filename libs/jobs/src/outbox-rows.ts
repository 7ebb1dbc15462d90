import { z } from 'zod';

/** An outbox row as it is published. */
export const pendingRow = z.object({
  id: z.string(),
  subject: z.string(),
  headers: z.record(z.string(), z.string()),
  payload: z.string(),
});
