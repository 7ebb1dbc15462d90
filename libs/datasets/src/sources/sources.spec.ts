import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { parseRunSpec, type AcceptedRunSpec } from '@anneal/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readRows } from '../rows/read.rows.js';
import { fileSource } from './file.source.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-sources-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const at = () => ({ roots: [folder], field: 'dataset.source' as const });

async function put(name: string, content: string | Uint8Array): Promise<string> {
  await writeFile(join(folder, name), content);
  return `file:${join(folder, name)}`;
}

function dataset(source: string, more: object = {}): AcceptedRunSpec['dataset'] {
  const parsed = parseRunSpec({ model: { base: 'a/b' }, dataset: { source, ...more }, training: { method: 'lora' } });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.spec.dataset;
}

async function read(reference: string, more: object = {}): Promise<unknown[]> {
  const rows: unknown[] = [];
  for await (const row of readRows(await fileSource(reference, at()), dataset(reference, more))) rows.push(row);
  return rows;
}

const line = '{"question":"u","answer":"a"}';
const conversation = {
  messages: [
    { role: 'user', content: 'u' },
    { role: 'assistant', content: 'a' },
  ],
};

describe('a jsonl file', () => {
  it('is read line by line, with BOM, empty lines and Windows ends', async () => {
    expect(await read(await put('d.jsonl', `\uFEFF${line}\r\n\r\n${line}\r\n`))).toEqual([conversation, conversation]);
  });

  it('is read as far as the limit', async () => {
    expect(await read(await put('d.jsonl', `${line}\n${line}\nbroken`), { limit: 2 })).toHaveLength(2);
  });

  it('may have any character inside its strings', async () => {
    const odd = 'a\u2028b\u2029c\u0085d';
    const rows = await read(
      await put('d.jsonl', `${JSON.stringify({ question: odd, answer: 'ä'.repeat(2_000_000) })}\n${line}`),
    );
    expect(rows).toHaveLength(2);
    expect(rows[0]).toMatchObject({ messages: [{ content: odd }, { content: 'ä'.repeat(2_000_000) }] });
  });

  it('is not read into memory when it is one line', async () => {
    await expect(read(await put('d.jsonl', `${line}\n[${'1,'.repeat(9_000_000)}1]`))).rejects.toMatchObject({
      code: 'DATASET_ROW_INVALID',
      row: 2,
      message: expect.stringContaining('longer than') as string,
    });
  });

  it('is not trained with characters that nobody wrote', async () => {
    const source = await put('d.jsonl', Buffer.from('{"question":"u","answer":"\xE4"}', 'latin1'));
    await expect(read(source)).rejects.toMatchObject({ code: 'DATASET_ROW_INVALID', row: 1 });
  });

  it.each([
    ['{"question":"u"', 'Line 2'],
    ['[1]', 'Line 2'],
  ])('names the line that is wrong: %s', async (bad, message) => {
    await expect(read(await put('d.jsonl', `${line}\n${bad}\n`))).rejects.toMatchObject({
      code: 'DATASET_ROW_INVALID',
      row: 2,
      file: 'd.jsonl',
      message: expect.stringContaining(message) as string,
    });
  });
});

describe('a parquet file', () => {
  async function parquet(select: string): Promise<string> {
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    const path = join(folder, 'd.parquet');
    await connection.run(`COPY (${select}) TO '${path}' (FORMAT parquet, COMPRESSION zstd)`);
    connection.closeSync();
    return `file:${path}`;
  }

  it('is read with plain columns', async () => {
    expect(
      await read(await parquet(`SELECT 'u' AS problem, 'a' AS answer`), {
        columns: { question: 'problem', answer: 'answer' },
      }),
    ).toEqual([conversation]);
  });

  it('is read with nested conversations', async () => {
    const messages = `[{'role': 'user', 'content': 'u'}, {'role': 'assistant', 'content': 'a'}]`;
    expect(await read(await parquet(`SELECT ${messages} AS messages`))).toEqual([conversation]);
  });

  it("is read with the keys of OpenAI's messages, as a table fills them in", async () => {
    const more = `'weight': 1::BIGINT, 'name': NULL, 'tool_calls': []::STRUCT(id VARCHAR)[], 'function_call': NULL::VARCHAR`;
    const messages = `[{'role': 'user', 'content': 'u', ${more}}, {'role': 'assistant', 'content': 'a', ${more}}]`;
    expect(await read(await parquet(`SELECT ${messages} AS messages`))).toEqual([conversation]);
    const without = messages.replaceAll('1::BIGINT', '0::BIGINT');
    await expect(read(await parquet(`SELECT ${without} AS messages`))).rejects.toMatchObject({ row: 1 });
  });

  it('that broke off is named as such', async () => {
    await expect(read(await put('d.parquet', 'PAR1 and then nothing'))).rejects.toMatchObject({
      code: 'DATASET_UNREADABLE',
      file: 'd.parquet',
    });
    await expect(read(await put('e.parquet', 'not parquet'))).rejects.toMatchObject({
      code: 'DATASET_UNREADABLE',
      file: 'e.parquet',
    });
  });
});

describe('a file reference', () => {
  it.each([
    ['file:relative.jsonl', 'relative path'],
    ['file:/nowhere/at/all.jsonl', 'outside the folders'],
    ['file:/etc/hostname', 'outside the folders'],
  ])('%s is refused', async (reference, message) => {
    await expect(fileSource(reference, at())).rejects.toMatchObject({
      code: 'DATASET_NOT_FOUND',
      field: 'dataset.source',
      message: expect.stringContaining(message) as string,
    });
  });

  it('does not lead out of the roots by a link', async () => {
    await symlink('/etc/hostname', join(folder, 'link.jsonl'));
    await expect(fileSource(`file:${join(folder, 'link.jsonl')}`, at())).rejects.toMatchObject({
      code: 'DATASET_NOT_FOUND',
    });
  });

  it('to an empty file or a folder without rows is refused', async () => {
    await expect(fileSource(`file:${folder}`, at())).rejects.toMatchObject({
      code: 'DATASET_NOT_FOUND',
      field: 'dataset.source',
    });
    await expect(fileSource(await put('empty.jsonl', ''), at())).rejects.toMatchObject({ code: 'DATASET_EMPTY' });
  });

  it('may name a folder, of which the files of the split are read in their order', async () => {
    const row = (text: string): string => `${JSON.stringify({ question: text, answer: 'a' })}\n`;
    await put('train-1.jsonl', row('q2'));
    await put('train-0.jsonl', row('q1'));
    await put('test.jsonl', row('q9'));
    await put('notes.txt', 'notes');
    await symlink('/etc/hostname', join(folder, 'train-2.jsonl'));
    const { files } = await fileSource(`file:${folder}`, at());
    expect(files.map(({ name }) => name)).toEqual(
      ['train-0.jsonl', 'train-1.jsonl'].map((name) => `${basename(folder)}/${name}`),
    );
    expect(await read(`file:${folder}`)).toHaveLength(2);
  });
});
