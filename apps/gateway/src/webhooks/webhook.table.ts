import { Failure, type DeliveryAttempt, type PageQuery, type WebhookEventType } from '@anneal/contracts';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { z } from 'zod';
import { newOpenaiId } from '../openai/openai-id.js';
import { deliveryRow, endpointRow, type DeliveryRow, type EndpointRow } from './webhook.row.js';

export interface EndpointWish {
  readonly name: string;
  readonly url: string;
  readonly eventTypes: readonly WebhookEventType[];
}

/** The tables `webhook_endpoint` and `webhook_delivery`. */
@Injectable()
export class WebhookTable {
  constructor(private readonly dataSource: DataSource) {}

  async insert(tx: EntityManager, project: string, secret: string, wish: EndpointWish): Promise<string> {
    const id = newOpenaiId('whe_');
    await tx.query(
      `INSERT INTO webhook_endpoint (id, project, name, url, event_types, secret) VALUES ($1, $2, $3, $4, $5, $6)`,
      [id, project, wish.name, wish.url, JSON.stringify(wish.eventTypes), secret],
    );
    return id;
  }

  /** @throws Failure WEBHOOK_NOT_FOUND */
  async find(project: string, id: string): Promise<EndpointRow> {
    const [row] = await this.endpoints('WHERE id = $1 AND project = $2', [id, project]);
    if (row) return row;
    throw new Failure('WEBHOOK_NOT_FOUND', `No such webhook endpoint: ${id}.`, {
      remedy: 'GET /v1/webhook_endpoints lists the endpoints.',
      field: 'webhook_endpoint_id',
    });
  }

  async list(project: string, { limit, after }: PageQuery): Promise<EndpointRow[]> {
    const last = after === undefined ? undefined : await this.find(project, after);
    return this.endpoints('WHERE project = $1 AND ($2::bigint IS NULL OR place < $2) ORDER BY place DESC LIMIT $3', [
      project,
      last?.place ?? null,
      limit + 1,
    ]);
  }

  async update(id: string, { name, url, eventTypes }: EndpointWish): Promise<void> {
    await this.dataSource.query(
      'UPDATE webhook_endpoint SET name = $2, url = $3, event_types = $4, updated_at = now() WHERE id = $1',
      [id, name, url, JSON.stringify(eventTypes)],
    );
  }

  /** @param keepOld whether the old secret stays good for 24 hours */
  async rotate(id: string, secret: string, keepOld: boolean): Promise<void> {
    await this.dataSource.query(
      `UPDATE webhook_endpoint
          SET old_secret = CASE WHEN $3 THEN secret END,
              old_secret_until = CASE WHEN $3 THEN now() + interval '24 hours' END,
              secret = $2, updated_at = now()
        WHERE id = $1`,
      [id, secret, keepOld],
    );
  }

  async delete(id: string): Promise<void> {
    await this.dataSource.query('DELETE FROM webhook_endpoint WHERE id = $1', [id]);
  }

  /** Writes a delivery for every endpoint of the job's project that wants this type. */
  async addDeliveries(tx: EntityManager, jobId: string, type: WebhookEventType, eventId: string, body: string) {
    await tx.query(
      `INSERT INTO webhook_delivery (id, endpoint_id, event_id, body)
       SELECT $1 || '-' || endpoint.id, endpoint.id, $1, $4
         FROM webhook_endpoint endpoint JOIN fine_tuning_job job ON job.project = endpoint.project
        WHERE job.id = $2 AND endpoint.event_types ? $3`,
      [eventId, jobId, type, body],
    );
  }

  /**
   * Takes deliveries whose time has come, for a while: whoever takes them and dies leaves them to the next look.
   *
   * @param holdSeconds more than a delivery takes
   */
  async takeDue(holdSeconds: number): Promise<DeliveryRow[]> {
    const taken: unknown = await this.dataSource.query(
      `WITH due AS (
         SELECT id FROM webhook_delivery WHERE next_try_at <= now() ORDER BY next_try_at LIMIT 20
            FOR UPDATE SKIP LOCKED),
       taken AS (
         UPDATE webhook_delivery SET next_try_at = now() + make_interval(secs => $1)
          WHERE id IN (SELECT id FROM due) RETURNING *)
       SELECT * FROM taken`,
      [holdSeconds],
    );
    return z.array(deliveryRow).parse(taken);
  }

  async endpointOf({ endpoint_id: id }: DeliveryRow): Promise<EndpointRow | undefined> {
    const [row] = await this.endpoints('WHERE id = $1', [id]);
    return row;
  }

  /** @param nextTrySeconds nothing when it was delivered, or is given up */
  async attempted(id: string, attempt: DeliveryAttempt, delivered: boolean, nextTrySeconds: number | undefined) {
    await this.dataSource.query(
      `UPDATE webhook_delivery
          SET attempts = attempts || $2::jsonb, delivered_at = CASE WHEN $3 THEN now() END,
              next_try_at = now() + make_interval(secs => $4::float)
        WHERE id = $1`,
      [id, JSON.stringify([attempt]), delivered, nextTrySeconds ?? null],
    );
  }

  /** Of an endpoint, the newest first. */
  async deliveries(endpointId: string): Promise<DeliveryRow[]> {
    const found: unknown = await this.dataSource.query(
      'SELECT * FROM webhook_delivery WHERE endpoint_id = $1 ORDER BY place DESC LIMIT 100',
      [endpointId],
    );
    return z.array(deliveryRow).parse(found);
  }

  private async endpoints(clause: string, values: unknown[]): Promise<EndpointRow[]> {
    const found: unknown = await this.dataSource.query(`SELECT * FROM webhook_endpoint ${clause}`, values);
    return z.array(endpointRow).parse(found);
  }
}
