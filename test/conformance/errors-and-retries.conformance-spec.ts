import { AuthenticationError, ConflictError, NotFoundError, type OpenAI } from 'openai';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { connect } from './client.js';
import { refusalOf } from './refusal.js';
import { endless, jobRequest, jobWhen } from './training-job.js';
import { uploadRows } from './training-file.js';
import { makeWire } from './wire.js';

const client = connect();
const envelope = {
  error: {
    message: expect.any(String) as string,
    type: expect.any(String) as string,
    param: expect.toSatisfy((param: unknown) => param === null || typeof param === 'string') as string | null,
    code: expect.toSatisfy((code: unknown) => code === null || typeof code === 'string') as string | null,
  },
};

async function jobsWith(metadata: Record<string, string>): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of client.fineTuning.jobs.list({ metadata })) ids.push(id);
  return ids;
}

describe('an error', () => {
  it('is of the class that the client knows, with the id of its request', async () => {
    const error = await refusalOf(connect({ apiKey: 'a key that nobody was given' }).models.list());
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error.requestID).toMatch(/./);
    expect(error.message).not.toContain('a key that nobody was given');
  });

  it('at a path that is not there has the envelope, too', async () => {
    const error = await refusalOf(client.get('/nothing/here'));
    expect(error).toBeInstanceOf(NotFoundError);
    expect({ error: error.error }).toEqual(envelope);
    expect(error.requestID).toMatch(/./);
  });

  it.each([
    [400, 'application/json', '{"model": '],
    [413, 'application/json', JSON.stringify({ model: 'x'.repeat(2 * 1024 * 1024) })],
    [415, 'text/csv', 'model,file'],
  ])('%i has the envelope before any field is read', async (status, type, body) => {
    const { http, apiKey } = inject('endpoints');
    const response = await fetch(`${http}/v1/fine_tuning/jobs`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': type },
      body,
    });
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual(envelope);
    expect(response.headers.get('x-request-id')).toMatch(/./);
  });
});

describe('an answer', () => {
  it('has the id of its request', async () => {
    const { request_id } = await client.models.list().withResponse();
    expect(request_id).toMatch(/./);
  });

  it('is the same for callers that name an organisation and a project', async () => {
    const { data } = await connect({ organization: 'org-acme', project: 'proj-math' }).models.list();
    expect(data).not.toEqual([]);
  });
});

describe('a retry', () => {
  let training_file: string;
  beforeAll(async () => {
    training_file = (await uploadRows(client)).id;
  });

  const create = (by: OpenAI, mark: string, headers = {}): Promise<OpenAI.FineTuning.FineTuningJob> =>
    jobRequest(by, { training_file, method: endless, metadata: { mark } }).then((request) =>
      by.fineTuning.jobs.create(request, { headers }),
    );
  const stop = async (...ids: readonly string[]): Promise<void> => {
    for (const id of new Set(ids)) await client.fineTuning.jobs.cancel(id);
  };

  it('is not made when it cannot help: one call for a cancel that comes too late', async () => {
    const { id } = await create(client, 'too late');
    await stop(id);
    await jobWhen(client, id, 'cancelled');
    const { fetch, calls } = makeWire();
    const error = await refusalOf(connect({ fetch, maxRetries: 2 }).fineTuning.jobs.cancel(id));
    expect(error).toBeInstanceOf(ConflictError);
    expect(error.headers?.get('x-should-retry')).toBe('false');
    expect(calls).toEqual([`POST /v1/fine_tuning/jobs/${id}/cancel`]);
  });

  it.each([1, 2])('of a create whose answer was lost starts nothing new (%i lost)', async (loses) => {
    const mark = `lost-${loses}-${Date.now()}`;
    const { fetch, calls, lost } = makeWire({ loses });
    const job = await create(connect({ fetch, maxRetries: 2 }), mark);
    expect(calls).toHaveLength(loses + 1);
    expect(lost).toMatchObject(Array.from({ length: loses }, () => ({ id: job.id })));
    expect(await jobsWith({ mark })).toEqual([job.id]);
    await stop(job.id);
  });

  it('of a cancel whose answer was lost is no conflict', async () => {
    const { id } = await create(client, 'cancelled twice');
    const { fetch, calls } = makeWire({ loses: 1 });
    expect((await connect({ fetch, maxRetries: 2 }).fineTuning.jobs.cancel(id)).id).toBe(id);
    expect(calls).toHaveLength(2);
  });

  it('of an upload whose answer was lost begins no second one', async () => {
    const { fetch, lost } = makeWire({ loses: 1 });
    const { id } = await connect({ fetch, maxRetries: 2 }).uploads.create({
      bytes: 10,
      filename: 'train.jsonl',
      mime_type: 'application/jsonl',
      purpose: 'fine-tune',
    });
    expect(lost).toMatchObject([{ id }]);
    await client.uploads.cancel(id);
  });

  it('that callers make themselves is known by its Idempotency-Key', async () => {
    const mark = `key-${Date.now()}`;
    const headers = { 'Idempotency-Key': mark };
    const [first, second] = [await create(client, mark, headers), await create(client, mark, headers)];
    expect(second.id).toBe(first.id);
    expect(await jobsWith({ mark })).toEqual([first.id]);
    await stop(first.id);
  });

  it('is something else than asking twice', async () => {
    const mark = `twice-${Date.now()}`;
    const [first, second] = [await create(client, mark), await create(client, mark)];
    expect(second.id).not.toBe(first.id);
    expect(await jobsWith({ mark })).toEqual([second.id, first.id]);
    await stop(first.id, second.id);
  });
});
