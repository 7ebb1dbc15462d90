import { deliveryAttempt, webhookEventType, type OpenaiEndpoint } from '@anneal/contracts';
import { z } from 'zod';
import { bigint, instant } from '../database/columns.js';
import { toSeconds } from '../openai/openai-id.js';

export const endpointRow = z.object({
  id: z.string(),
  place: bigint,
  project: z.string(),
  name: z.string(),
  url: z.string(),
  event_types: z.array(webhookEventType),
  secret: z.string(),
  old_secret: z.string().nullable(),
  old_secret_until: instant.nullable(),
  created_at: instant,
  updated_at: instant,
});
export type EndpointRow = z.infer<typeof endpointRow>;

export const deliveryRow = z.object({
  id: z.string(),
  place: bigint,
  endpoint_id: z.string(),
  event_id: z.string(),
  body: z.string(),
  attempts: z.array(deliveryAttempt),
  next_try_at: instant.nullable(),
  delivered_at: instant.nullable(),
  created_at: instant,
});
export type DeliveryRow = z.infer<typeof deliveryRow>;

export function toOpenaiEndpoint(row: EndpointRow, withSecret = false): OpenaiEndpoint {
  return {
    id: row.id,
    object: 'webhook_endpoint',
    name: row.name,
    url: row.url,
    event_types: row.event_types,
    created_at: toSeconds(row.created_at),
    updated_at: toSeconds(row.updated_at),
    signing_secret_hint: `whsec_…${row.secret.slice(-4)}`,
    ...(withSecret ? { signing_secret: row.secret } : {}),
  };
}

/** The secrets that are good now, the newest first. */
export function secretsOf({ secret, old_secret: old, old_secret_until: until }: EndpointRow): string[] {
  return old !== null && until !== null && Date.parse(until) > Date.now() ? [secret, old] : [secret];
}
