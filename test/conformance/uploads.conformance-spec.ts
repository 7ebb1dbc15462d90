import { createHash } from 'node:crypto';
import { BadRequestError, ConflictError, toFile, type OpenAI } from 'openai';
import { describe, expect, it } from 'vitest';
import { connect } from './client.js';
import { refusalOf } from './refusal.js';
import { goodRows } from './training-file.js';
import { makeWire } from './wire.js';

const client = connect();
const content = Buffer.from(goodRows);
const middle = Math.floor(content.length / 2);

async function begin(bytes = content.length): Promise<OpenAI.Upload> {
  return client.uploads.create({
    bytes,
    filename: 'train.jsonl',
    mime_type: 'application/jsonl',
    purpose: 'fine-tune',
  });
}

async function addPart(uploadId: string, chunk: Buffer): Promise<OpenAI.Uploads.UploadPart> {
  return client.uploads.parts.create(uploadId, { data: await toFile(chunk, 'part') });
}

describe('an upload', () => {
  it('is made of parts, in the order that its end names', async () => {
    const upload = await begin();
    expect(upload).toMatchObject({
      id: expect.stringMatching(/^upload_/) as string,
      object: 'upload',
      bytes: content.length,
      filename: 'train.jsonl',
      purpose: 'fine-tune',
      status: 'pending',
    });
    expect(upload.expires_at).toBeGreaterThan(upload.created_at);
    const second = await addPart(upload.id, content.subarray(middle));
    const first = await addPart(upload.id, content.subarray(0, middle));
    expect(first).toMatchObject({
      id: expect.stringMatching(/^part_/) as string,
      object: 'upload.part',
      upload_id: upload.id,
    });
    const completed = await client.uploads.complete(upload.id, {
      part_ids: [first.id, second.id],
      md5: createHash('md5').update(content).digest('hex'),
    });
    expect(completed).toMatchObject({
      id: upload.id,
      status: 'completed',
      file: { object: 'file', bytes: content.length, filename: 'train.jsonl', purpose: 'fine-tune' },
    });
    const fileId = completed.file?.id ?? '';
    const file = await client.files.waitForProcessing(fileId, { pollInterval: 100 });
    expect(file.status).toBe('processed');
    expect(await (await client.files.content(fileId)).text()).toBe(goodRows);
  });

  it.each([
    ['another number of bytes than announced', content.length + 1, undefined],
    ['another checksum', content.length, '0'.repeat(32)],
  ])('with %s is no file', async (_, bytes, md5) => {
    const upload = await begin(bytes);
    const { id } = await addPart(upload.id, content);
    const error = await refusalOf(client.uploads.complete(upload.id, { part_ids: [id], ...(md5 ? { md5 } : {}) }));
    expect(error).toBeInstanceOf(BadRequestError);
  });

  it('takes nothing more once it is cancelled, and no retry helps', async () => {
    const upload = await begin();
    const { id } = await addPart(upload.id, content);
    expect(await client.uploads.cancel(upload.id)).toMatchObject({ id: upload.id, status: 'cancelled' });
    const { fetch, calls } = makeWire();
    const { uploads } = connect({ fetch, maxRetries: 2 });
    const complete = uploads.complete(upload.id, { part_ids: [id] });
    expect(await refusalOf(complete)).toBeInstanceOf(ConflictError);
    const add = uploads.parts.create(upload.id, { data: await toFile(content, 'part') });
    expect(await refusalOf(add)).toBeInstanceOf(ConflictError);
    // The client also asks its fetch whether it can send forms, with an address that is none of this server.
    expect(calls.filter((call) => call.startsWith('POST /v1/'))).toHaveLength(2);
  });
});
