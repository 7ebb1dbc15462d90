import {
  Failure,
  webhookChange,
  webhookEventTypes,
  webhookListQuery,
  webhookRotation,
  webhookTest,
  webhookWish,
  type OpenaiEndpoint,
  type Page,
  type WebhookDelivery,
  type WebhookEventType,
  type WebhookTested,
} from '@anneal/contracts';
import { CONFIG } from '@anneal/service';
import { Body, Controller, Delete, Get, HttpCode, HttpStatus, Inject, Param, Post, Query, Req } from '@nestjs/common';
import type { GatewayConfig } from '../gateway.config.js';
import { By, type Caller } from '../keys/caller.js';
import { toPage } from '../openai/page.js';
import { readRequest } from '../http/read-request.js';
import { repetitionOf, RequestMemory, stillThere } from '../openai/request.memory.js';
import { newSecret } from './signature.js';
import { requireTarget, webhookTargets } from './target.js';
import { toOpenaiEndpoint } from './webhook.row.js';
import { WebhookTable } from './webhook.table.js';
import { Webhooks } from './webhooks.js';

interface Request {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** `client.webhooks` of the official clients, and a log of what was delivered. */
@Controller('v1')
export class WebhooksController {
  constructor(
    private readonly webhooks: Webhooks,
    private readonly table: WebhookTable,
    private readonly memory: RequestMemory,
    @Inject(CONFIG) private readonly config: GatewayConfig,
  ) {}

  @Get('webhook_event_types')
  types(): { object: 'list'; data: readonly WebhookEventType[] } {
    return { object: 'list', data: webhookEventTypes };
  }

  @Post('webhook_endpoints')
  @HttpCode(HttpStatus.OK)
  async create(@By() caller: Caller, @Body() body: unknown, @Req() request: Request): Promise<OpenaiEndpoint> {
    const { name, url, event_types: eventTypes } = readRequest(webhookWish, body ?? {});
    requireTarget(url, webhookTargets(this.config));
    const repetition = repetitionOf(request.headers);
    const content = JSON.stringify([name, url, eventTypes]);
    const id = await this.memory.once({ caller, call: 'webhook_endpoints', content, repetition }, (tx) =>
      this.table.insert(tx, caller.project, newSecret(), { name, url, eventTypes }),
    );
    return toOpenaiEndpoint(await stillThere(this.table.find(caller.project, id)), true);
  }

  @Get('webhook_endpoints')
  async list(@By() { project }: Caller, @Query() query: unknown): Promise<Page<OpenaiEndpoint>> {
    const page = readRequest(webhookListQuery, query);
    const found = await this.table.list(project, page);
    return toPage(
      found.map((row) => toOpenaiEndpoint(row)),
      page.limit,
    );
  }

  @Get('webhook_endpoints/:id')
  async retrieve(@By() { project }: Caller, @Param('id') id: string): Promise<OpenaiEndpoint> {
    return toOpenaiEndpoint(await this.table.find(project, id));
  }

  @Post('webhook_endpoints/:id')
  @HttpCode(HttpStatus.OK)
  async update(@By() { project }: Caller, @Param('id') id: string, @Body() body: unknown): Promise<OpenaiEndpoint> {
    const change = readRequest(webhookChange, body ?? {});
    const before = await this.table.find(project, id);
    if (change.url !== undefined) requireTarget(change.url, webhookTargets(this.config));
    await this.table.update(id, {
      name: change.name ?? before.name,
      url: change.url ?? before.url,
      eventTypes: change.event_types ?? before.event_types,
    });
    return toOpenaiEndpoint(await this.table.find(project, id));
  }

  @Delete('webhook_endpoints/:id')
  async delete(
    @By() { project }: Caller,
    @Param('id') id: string,
  ): Promise<{ id: string; object: 'webhook_endpoint.deleted'; deleted: true }> {
    await this.table.find(project, id);
    await this.table.delete(id);
    return { id, object: 'webhook_endpoint.deleted', deleted: true };
  }

  @Post('webhook_endpoints/:id/rotate_secret')
  @HttpCode(HttpStatus.OK)
  async rotate(@By() { project }: Caller, @Param('id') id: string, @Body() body: unknown): Promise<OpenaiEndpoint> {
    const { keep_old_secret_active_for_24_hours: keepOld } = readRequest(webhookRotation, body ?? {});
    await this.table.find(project, id);
    await this.table.rotate(id, newSecret(), keepOld);
    return toOpenaiEndpoint(await this.table.find(project, id), true);
  }

  @Post('webhook_endpoints/:id/test')
  @HttpCode(HttpStatus.OK)
  async test(@By() { project }: Caller, @Param('id') id: string, @Body() body: unknown): Promise<WebhookTested> {
    const { event_type: type } = readRequest(webhookTest, body ?? {});
    const endpoint = await this.table.find(project, id);
    const status = await this.webhooks.test(endpoint, type).catch((error: unknown) => {
      throw notTaken(error instanceof Error ? error.message : String(error));
    });
    if (status < 200 || status >= 300) throw notTaken(`it answered ${status}`);
    return {
      object: 'webhook_endpoint.test',
      event_type: type,
      status_code: status,
      success: true,
      webhook_endpoint_id: id,
    };
  }

  /** Anneal's own. */
  @Get('webhook_endpoints/:id/deliveries')
  async deliveries(
    @By() { project }: Caller,
    @Param('id') id: string,
  ): Promise<{ object: 'list'; data: WebhookDelivery[] }> {
    const endpoint = await this.table.find(project, id);
    const found = await this.table.deliveries(endpoint.id);
    const data = found.map((row) => ({
      id: row.id,
      event_id: row.event_id,
      attempts: row.attempts,
      delivered_at: row.delivered_at,
      next_try_at: row.next_try_at,
    }));
    return { object: 'list', data };
  }
}

function notTaken(why: string): Failure {
  return new Failure('REQUEST_INVALID', `The endpoint did not take the test: ${why}.`, {
    remedy: 'Check that the address is right and answers with 2xx within ten seconds.',
  });
}
