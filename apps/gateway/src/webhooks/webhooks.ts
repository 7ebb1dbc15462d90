import type { WebhookEventType } from '@anneal/contracts';
import { CONFIG, LOGGER, type Logger } from '@anneal/service';
import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { GatewayConfig } from '../gateway.config.js';
import { newOpenaiId } from '../openai/openai-id.js';
import { send } from './send.js';
import { signatures } from './signature.js';
import { requireTarget, webhookTargets } from './target.js';
import { secretsOf, type DeliveryRow, type EndpointRow } from './webhook.row.js';
import { WebhookTable } from './webhook.table.js';

const lookEveryMs = 2_000;
/** More than an answer may take. */
const holdSeconds = 30;
/** Seconds before each further try: three days in all, as Standard Webhooks recommends. */
const pauses = [5, 60, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400];

/** Tells the endpoints of a project how its jobs ended: written down with the end itself, delivered until one answers 2xx. */
@Injectable()
export class Webhooks implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private working: Promise<void> | undefined;
  private stopped = false;

  constructor(
    private readonly table: WebhookTable,
    @Inject(CONFIG) private readonly config: GatewayConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.wake();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.working;
  }

  /** Writes what is to be delivered, in the transaction that ends the job. */
  async tell(tx: EntityManager, jobId: string, end: 'succeeded' | 'failed' | 'cancelled'): Promise<void> {
    const type = `fine_tuning.job.${end}` as const;
    const { id, body } = eventOf(type, jobId);
    await this.table.addDeliveries(tx, jobId, type, id, body);
  }

  /** Delivers what is due, now and from now on. */
  wake(): void {
    if (this.stopped || this.working) return;
    clearTimeout(this.timer);
    this.working = this.deliverDue()
      .catch((error: unknown) => this.logger.warn({ err: error }, 'webhooks could not be delivered'))
      .finally(() => {
        this.working = undefined;
        if (!this.stopped) this.timer = setTimeout(() => this.wake(), lookEveryMs);
      });
  }

  /** One delivery outside the order, for the owner of an endpoint to see whether it works. @returns status of the answer */
  async test(endpoint: EndpointRow, type: WebhookEventType): Promise<number> {
    const { id, body } = eventOf(type, 'ftjob-test');
    return this.post(endpoint, id, body);
  }

  private async deliverDue(): Promise<void> {
    for (let due = await this.table.takeDue(holdSeconds); due.length > 0 && !this.stopped;) {
      await Promise.all(due.map((delivery) => this.deliver(delivery)));
      due = await this.table.takeDue(holdSeconds);
    }
  }

  private async deliver(delivery: DeliveryRow): Promise<void> {
    const endpoint = await this.table.endpointOf(delivery);
    if (!endpoint) return;
    const at = new Date().toISOString();
    const answer = await this.post(endpoint, delivery.event_id, delivery.body).then(
      (status) => ({ at, status }),
      (error: unknown) => ({ at, error: error instanceof Error ? error.message : String(error) }),
    );
    const delivered = 'status' in answer && answer.status >= 200 && answer.status < 300;
    const next = delivered ? undefined : pauses[delivery.attempts.length];
    // Up to a fifth more: endpoints that were away together are not all asked again in the same moment.
    await this.table.attempted(delivery.id, answer, delivered, next && next * (1 + Math.random() / 5));
    if (!delivered) this.logger.warn({ endpoint: endpoint.id, ...answer }, 'a webhook was not taken');
  }

  private async post(endpoint: EndpointRow, id: string, body: string): Promise<number> {
    const allowed = webhookTargets(this.config);
    const timestamp = Math.floor(Date.now() / 1000);
    const headers = {
      'content-type': 'application/json',
      'user-agent': 'Anneal-Webhooks',
      'webhook-id': id,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': signatures(secretsOf(endpoint), { id, timestamp, body }),
    };
    return send(requireTarget(endpoint.url, allowed), { headers, body, allowed });
  }
}

function eventOf(type: WebhookEventType, jobId: string): { id: string; body: string } {
  const id = newOpenaiId('evt_');
  const event = { id, object: 'event', type, created_at: Math.floor(Date.now() / 1000), data: { id: jobId } };
  return { id, body: JSON.stringify(event) };
}
