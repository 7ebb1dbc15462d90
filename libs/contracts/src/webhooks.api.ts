import { z } from 'zod';
import { pageParameters, unixSeconds } from './openai.api.js';

export const webhookEventTypes = [
  'fine_tuning.job.succeeded',
  'fine_tuning.job.failed',
  'fine_tuning.job.cancelled',
] as const;
export type WebhookEventType = (typeof webhookEventTypes)[number];
export const webhookEventType = z.enum(webhookEventTypes, `an event type is one of ${webhookEventTypes.join(', ')}`);

/** The body of `client.webhooks.create`. */
export const webhookWish = z.strictObject({
  name: z.string().min(1).max(200),
  url: z.string().min(1).max(2000),
  event_types: z.array(webhookEventType).min(1),
});
/** The body of `client.webhooks.update`: what is left out stays. */
export const webhookChange = webhookWish.partial();
export const webhookRotation = z.strictObject({ keep_old_secret_active_for_24_hours: z.boolean().default(false) });
export const webhookTest = z.strictObject({ event_type: webhookEventType });
export const webhookListQuery = pageParameters({ limit: 20, most: 100 });

export const openaiEndpoint = z
  .object({
    id: z.string(),
    object: z.literal('webhook_endpoint'),
    name: z.string(),
    url: z.string(),
    event_types: z.array(webhookEventType),
    created_at: unixSeconds,
    updated_at: unixSeconds,
    signing_secret_hint: z.string(),
    signing_secret: z.string().optional().describe('Only when it was made just now.'),
  })
  .meta({ id: 'WebhookEndpoint' });
export type OpenaiEndpoint = z.infer<typeof openaiEndpoint>;

export const webhookTested = z.object({
  object: z.literal('webhook_endpoint.test'),
  event_type: webhookEventType,
  status_code: z.int(),
  success: z.literal(true),
  webhook_endpoint_id: z.string(),
});
export type WebhookTested = z.infer<typeof webhookTested>;

export const deliveryAttempt = z.object({
  at: z.string(),
  status: z.int().optional(),
  error: z.string().optional(),
});
export type DeliveryAttempt = z.infer<typeof deliveryAttempt>;

/** Anneal's own: what was delivered, and how often it was tried. */
export const webhookDelivery = z
  .object({
    id: z.string(),
    event_id: z.string(),
    attempts: z.array(deliveryAttempt),
    delivered_at: z.iso.datetime().nullable(),
    next_try_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'WebhookDelivery' });
export type WebhookDelivery = z.infer<typeof webhookDelivery>;
