import { BadRequestError, InvalidWebhookSignatureError, NotFoundError, type OpenAI } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { baseModels } from './base-models.js';
import { connect } from './client.js';
import { Receiver, type Delivery } from './receiver.js';
import { refusalOf } from './refusal.js';
import { endless, jobWhen, startJob } from './training-job.js';

type EventType = OpenAI.Webhooks.WebhookTestParams['event_type'];

const client = connect();
const jobEvents = ['fine_tuning.job.succeeded', 'fine_tuning.job.failed', 'fine_tuning.job.cancelled'] as const;

let receiver: Receiver;
beforeAll(async () => {
  receiver = await Receiver.open();
});
afterAll(() => receiver.close());

async function createEndpoint(
  name: string,
  url = receiver.url,
  event_types: EventType[] = [...jobEvents],
): Promise<OpenAI.Webhooks.WebhookEndpointWithSecret> {
  return client.webhooks.create({ name, url, event_types });
}

/** Sends a sample event to an endpoint and waits for it. */
async function sample(endpoint: string, event_type: EventType): Promise<Delivery> {
  receiver.deliveries.length = 0;
  expect(await client.webhooks.test(endpoint, { event_type })).toEqual({
    object: 'webhook_endpoint.test',
    event_type,
    status_code: 200,
    success: true,
    webhook_endpoint_id: endpoint,
  });
  return receiver.delivery(event_type);
}

describe('a webhook endpoint', () => {
  it('tells its secret once, and is retrieved, changed, listed and deleted', async () => {
    const { signing_secret, ...endpoint } = await createEndpoint('first');
    expect(signing_secret).toMatch(/^whsec_/);
    expect(endpoint).toMatchObject({
      id: expect.stringMatching(/^whe_/) as string,
      object: 'webhook_endpoint',
      name: 'first',
      url: receiver.url,
      event_types: jobEvents,
    });
    expect(await client.webhooks.retrieve(endpoint.id)).toEqual(endpoint);
    const changed = await client.webhooks.update(endpoint.id, { name: 'renamed' });
    expect(changed).toMatchObject({ id: endpoint.id, name: 'renamed', url: receiver.url, event_types: jobEvents });
    expect(changed).not.toHaveProperty('signing_secret');
    const narrowed = await client.webhooks.update(endpoint.id, { event_types: [jobEvents[0]] });
    expect(narrowed).toMatchObject({ name: 'renamed', event_types: [jobEvents[0]] });
    const second = await createEndpoint('second');
    const seen: string[] = [];
    for await (const { id } of client.webhooks.list({ limit: 1 })) seen.push(id);
    expect(seen.slice(0, 2)).toEqual([second.id, endpoint.id]);
    for (const { id } of [endpoint, second]) {
      expect(await client.webhooks.delete(id)).toEqual({ id, object: 'webhook_endpoint.deleted', deleted: true });
      expect(await refusalOf(client.webhooks.retrieve(id))).toBeInstanceOf(NotFoundError);
    }
  });

  it.each([
    ['url', { url: 'ftp://127.0.0.1/hook' }],
    ['event_types', { event_types: ['nothing.known'] as unknown as EventType[] }],
  ])('is refused for its %s', async (param, change) => {
    const asked = { name: 'bad', url: receiver.url, event_types: [...jobEvents], ...change };
    const error = await refusalOf(client.webhooks.create(asked));
    expect(error).toBeInstanceOf(BadRequestError);
    expect(error.param).toContain(param);
  });

  it('may ask for every type of event in the list', async () => {
    expect((await client.webhooks.eventTypes.list()).data).toEqual(expect.arrayContaining([...jobEvents]));
  });
});

describe('a delivery', () => {
  it('is accepted by unwrap, and by nobody who has another secret', async () => {
    const { id, signing_secret } = await createEndpoint('signed');
    const { body, headers } = await sample(id, 'fine_tuning.job.succeeded');
    const event = await client.webhooks.unwrap(body, headers, signing_secret);
    expect(event).toMatchObject({ object: 'event', type: 'fine_tuning.job.succeeded' });
    const another = `whsec_${Buffer.from('another secret').toString('base64')}`;
    await expect(client.webhooks.unwrap(body, headers, another)).rejects.toThrow(InvalidWebhookSignatureError);
    await expect(client.webhooks.unwrap(`${body} `, headers, signing_secret)).rejects.toThrow(
      InvalidWebhookSignatureError,
    );
    await client.webhooks.delete(id);
  });

  it('is signed with the new secret only, or for a day with both', async () => {
    const { id, signing_secret: first } = await createEndpoint('rotated');
    const { signing_secret: second } = await client.webhooks.rotateSecret(id);
    const once = await sample(id, 'fine_tuning.job.failed');
    await client.webhooks.verifySignature(once.body, once.headers, second);
    await expect(client.webhooks.verifySignature(once.body, once.headers, first)).rejects.toThrow(
      InvalidWebhookSignatureError,
    );
    const { signing_secret: third } = await client.webhooks.rotateSecret(id, {
      keep_old_secret_active_for_24_hours: true,
    });
    expect(new Set([first, second, third]).size).toBe(3);
    const twice = await sample(id, 'fine_tuning.job.failed');
    for (const secret of [second, third]) await client.webhooks.verifySignature(twice.body, twice.headers, secret);
    await client.webhooks.delete(id);
  });

  it('tells how each job ended', async () => {
    const { id, signing_secret } = await createEndpoint('jobs');
    const succeeded = await startJob(client);
    const failed = await startJob(client, { model: baseModels.missing });
    await jobWhen(client, succeeded.id, 'succeeded');
    const cancelled = await startJob(client, { method: endless });
    await client.fineTuning.jobs.cancel(cancelled.id);
    const endings = [
      ['fine_tuning.job.succeeded', succeeded.id],
      ['fine_tuning.job.failed', failed.id],
      ['fine_tuning.job.cancelled', cancelled.id],
    ] as const;
    for (const [type, jobId] of endings) {
      const { body, headers } = await receiver.delivery(type, jobId);
      const event = await client.webhooks.unwrap(body, headers, signing_secret);
      expect(event).toMatchObject({ object: 'event', type, data: { id: jobId } });
      expect(Math.abs(event.created_at - Date.now() / 1000)).toBeLessThan(300);
    }
    await client.webhooks.delete(id);
  });

  it('goes only where its type was asked for', async () => {
    const { id } = await createEndpoint('failures', receiver.url, ['fine_tuning.job.failed']);
    receiver.deliveries.length = 0;
    const cancelled = await startJob(client, { method: endless });
    await client.fineTuning.jobs.cancel(cancelled.id);
    const failed = await startJob(client, { model: baseModels.missing });
    await receiver.delivery('fine_tuning.job.failed', failed.id);
    const told = receiver.deliveries.map(({ body }) => (JSON.parse(body) as { data: { id: string } }).data.id);
    expect(told).not.toContain(cancelled.id);
    await client.webhooks.delete(id);
  });
});
