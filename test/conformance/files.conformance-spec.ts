import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BadRequestError, NotFoundError, toFile, type OpenAI } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from './client.js';
import { refusalOf } from './refusal.js';
import { conversation, goodRows, uploadRows } from './training-file.js';

const client = connect();
const folder = mkdtempSync(join(tmpdir(), 'anneal-files-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function upload(name: string, text: string, more: object = {}): Promise<OpenAI.FileObject> {
  return client.files.create({ file: await toFile(Buffer.from(text), name), purpose: 'fine-tune', ...more });
}

describe('a file', () => {
  it('is uploaded from a stream, checked, and comes back as it was', async () => {
    const path = join(folder, 'train.jsonl');
    writeFileSync(path, goodRows);
    const file = await client.files.create({ file: createReadStream(path), purpose: 'fine-tune' });
    expect(file).toMatchObject({
      id: expect.stringMatching(/^file-/) as string,
      object: 'file',
      bytes: Buffer.byteLength(goodRows),
      filename: 'train.jsonl',
      purpose: 'fine-tune',
    });
    expect(['uploaded', 'processed']).toContain(file.status);
    expect(Math.abs(file.created_at - Date.now() / 1000)).toBeLessThan(60);
    const processed = await client.files.waitForProcessing(file.id, { pollInterval: 100 });
    expect(processed).toEqual({ ...file, status: 'processed' });
    expect(await (await client.files.content(file.id)).text()).toBe(goodRows);
  });

  it('keeps a name that is not ASCII', async () => {
    const { id } = await upload('données ü.jsonl', goodRows);
    expect((await client.files.retrieve(id)).filename).toBe('données ü.jsonl');
  });

  it('with bad rows ends as an error that names the lines', async () => {
    const rows = [conversation('a', 'b'), '{"messages": []}\n', conversation('c', 'd'), 'no JSON\n'];
    const file = await uploadRows(client, rows.join(''));
    expect(file.status).toBe('error');
    expect(file.status_details).toMatch(/\b2\b/);
    expect(file.status_details).toMatch(/\b4\b/);
  });

  it('expires when it was asked to', async () => {
    const file = await upload('train.jsonl', goodRows, { expires_after: { anchor: 'created_at', seconds: 3600 } });
    expect(file.expires_at).toBe(file.created_at + 3600);
  });

  it('is gone once it is deleted', async () => {
    const { id } = await upload('train.jsonl', goodRows);
    expect(await client.files.delete(id)).toEqual({ id, object: 'file', deleted: true });
    // All at once, so that each refusal is looked at before it counts as unhandled.
    const calls = [client.files.retrieve(id), client.files.content(id), client.files.delete(id)];
    for (const refused of await Promise.all(calls.map(refusalOf))) expect(refused).toBeInstanceOf(NotFoundError);
  });

  it.each([
    ['purpose', { purpose: 'batch' }],
    ['expires_after', { expires_after: { anchor: 'created_at', seconds: 60 } }],
  ])('is refused for its %s', async (param, more) => {
    const error = await refusalOf(upload('train.jsonl', goodRows, more));
    expect(error).toBeInstanceOf(BadRequestError);
    expect(error.param).toContain(param);
  });
});

describe('the list of files', () => {
  const uploaded: string[] = [];
  beforeAll(async () => {
    for (const name of ['1.jsonl', '2.jsonl', '3.jsonl']) uploaded.push((await upload(name, goodRows)).id);
  });

  it('is iterated over its pages, newest first', async () => {
    const seen: string[] = [];
    for await (const { id } of client.files.list({ limit: 2 })) seen.push(id);
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.slice(0, 3)).toEqual(uploaded.toReversed());
  });

  it('is iterated oldest first', async () => {
    const seen: string[] = [];
    for await (const { id } of client.files.list({ limit: 2, order: 'asc' })) seen.push(id);
    expect(seen.slice(-3)).toEqual(uploaded);
  });

  it('has files of one purpose only, when asked', async () => {
    const page = await client.files.list({ purpose: 'fine-tune-results' });
    expect(page.data.filter(({ purpose }) => purpose !== 'fine-tune-results')).toEqual([]);
  });

  it('says where a page begins and ends', async () => {
    const answer = await client.files.list({ limit: 2 }).asResponse();
    expect(await answer.json()).toMatchObject({
      object: 'list',
      first_id: uploaded[2],
      last_id: uploaded[1],
      has_more: true,
    });
  });

  it('has no page without a file', async () => {
    const error = await refusalOf(client.files.list({ limit: 0 }));
    expect(error).toBeInstanceOf(BadRequestError);
    expect(error.param).toBe('limit');
  });
});
