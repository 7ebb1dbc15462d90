import { appendFile, mkdtemp, open, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import type { SourceRow } from '@anneal/rows';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { stagedFile } from '../sources/file.source.js';
import type { SourceFile } from '../sources/source.js';
import { openBytes } from './file.bytes.js';
import { manyRows, packedTexts, twoRows, xzWithSha256 } from './packed/packed.fixture.js';
import { readParquet } from './parquet.reader.js';
import { readFileRows, readSourceBatches } from './read.file.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-readers-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

// A machine that does other things reads 200 MB slowly.
vi.setConfig({ testTimeout: 60_000 });

const at = (name: string): string => join(folder, name);

async function put(name: string, content: string | Uint8Array): Promise<SourceFile> {
  await writeFile(at(name), content);
  return stagedFile(at(name), name);
}

async function rowsOf(file: SourceFile): Promise<SourceRow[]> {
  const rows: SourceRow[] = [];
  for await (const row of readFileRows(file)) rows.push(row);
  return rows;
}

/** Rows as far as they can be read, and what is said about the others. */
async function allOf(...files: SourceFile[]): Promise<{ columns: unknown[]; problems: string[] }> {
  const columns: unknown[] = [];
  const problems: string[] = [];
  for await (const batch of readSourceBatches({ name: 'd', files })) {
    columns.push(...batch.rows.map((row) => row.columns));
    problems.push(...batch.problems.map(({ message }) => message));
  }
  return { columns, problems };
}

async function parquet(name: string, select: string, more = ''): Promise<string> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  await connection.run(`COPY (${select}) TO '${at(name)}' (FORMAT parquet${more})`);
  connection.closeSync();
  return at(name);
}

const two = [
  { question: 'q1', answer: 'a1' },
  { question: 'q2', answer: 'ä "2"\nand more' },
];
const jsonl = two.map((row) => JSON.stringify(row)).join('\n');

describe('rows of a text', () => {
  it.each([
    ['d.jsonl', jsonl],
    ['d.json', JSON.stringify(two)],
    ['d.json', `\uFEFF${JSON.stringify(two, null, 2)}\n`],
    ['d.json', JSON.stringify({ version: '1', nested: { data: [1, [2]] }, data: two, after: [{ no: 'row' }] })],
    ['d.json', JSON.stringify({ rows: two }, null, 1)],
    ['d.json', jsonl],
    ['d', JSON.stringify(two)],
    ['d.csv', 'question,answer\nq1,a1\nq2,"ä ""2""\nand more"\n'],
    ['d.csv', '\uFEFFquestion;answer\r\nq1;a1\r\nq2;"ä ""2""\nand more"'],
    ['d.tsv', '"question"\t"answer"\nq1\ta1\n\nq2\t"ä ""2""\nand more"\n'],
    ['d.txt', 'question|answer\nq1|a1\nq2|"ä ""2""\nand more"\n'],
  ])('are the same in %s: %j', async (name, text) => {
    const plain = await put(name, text);
    expect((await rowsOf(plain)).map(({ columns }) => columns)).toEqual(two);
    for (const [ending, bytes] of [
      ['.gz', gzipSync(text)],
      ['.zst', zstdCompressSync(text)],
    ] as const) {
      const packed = await put(`${name}${ending}`, bytes);
      expect(packed.format).toBe(plain.format);
      expect((await rowsOf(packed)).map(({ columns }) => columns)).toEqual(two);
    }
  });

  it('of several members and frames are all read', async () => {
    const lines = jsonl.split('\n').map((line) => `${line}\n`);
    for (const [name, pack] of [
      ['d.jsonl.gz', gzipSync],
      ['d.jsonl.zst', zstdCompressSync],
    ] as const)
      expect(await rowsOf(await put(name, Buffer.concat(lines.map((line) => pack(line)))))).toHaveLength(2);
  });

  it('may lie across the chunks in which they are read', async () => {
    const text = (size: number): string => 'a"\\ü'.repeat(size);
    const rows = [400_000, 1, 300_000, 3].map((size) => ({ question: text(size), answer: '}]{[' }));
    const file = await put('d.json', JSON.stringify(rows));
    expect((await rowsOf(file)).map(({ columns }) => columns)).toEqual(rows);
  });

  it('say which ones are wrong, and go on', async () => {
    const lines = ['{"a":1}', '', '{"a":', '[1]', '{"a":2}'];
    expect(await allOf(await put('d.jsonl', lines.join('\n')))).toEqual({
      columns: [{ a: 1 }, { a: 2 }],
      problems: [
        expect.stringContaining('Line 3 of d.jsonl is not JSON') as string,
        'Line 4 of d.jsonl is JSON, but not an object.',
      ],
    });
    const others = ['-1.5e3', '"],{"', '[{"a":1}, [2]]', 'null', 'nonsense', '1 2', '"a" {"b": [1]}', '[]'];
    const json = JSON.stringify({ data: [] }).replace('[]', `[${['{"a":1}', ...others, '{"a":2}'].join(' ,\n')}]`);
    expect(await allOf(await put('d.json', json))).toEqual({
      columns: [{ a: 1 }, { a: 2 }],
      problems: others.map((_, index) => expect.stringMatching(new RegExp(`^Row ${index + 2} of d.json is`)) as string),
    });
    const csv = 'a,b\n1,2\n1,"2\n2",3\n\n4\n5,6\n';
    expect(await allOf(await put('d.csv', csv))).toEqual({
      columns: [
        { a: '1', b: '2' },
        { a: '5', b: '6' },
      ],
      problems: [
        'Line 3 of d.csv has 3 columns, where the header has 2.',
        'Line 6 of d.csv has 1 columns, where the header has 2.',
      ],
    });
  });

  it('of a table are those alone that are no UTF-8, which may go on over several lines', async () => {
    const text = 'a,b\n1,"2\n\xE4 2\n2"\n3,\xE4\n\n5,6\n7,"8\n8"\n\xE4,9\n';
    expect(await allOf(await put('d.csv', Buffer.from(text, 'latin1')))).toEqual({
      columns: [
        { a: '5', b: '6' },
        { a: '7', b: '8\n8' },
      ],
      problems: [3, 5, 10].map((line) => `Line ${line} of d.csv is not UTF-8.`),
    });
  });

  it.each([
    ['\xE4,b\n1,2\n', 'Line 1 of d.csv is not UTF-8.'],
    ['a,"b" c",d\n1,2,3\n4,5,6\n', 'Line 1 of d.csv has a quote in the middle of a field.'],
  ])('are none below a header that cannot be read: %j', async (text, message) => {
    await expect(allOf(await put('d.csv', Buffer.from(text, 'latin1')))).rejects.toMatchObject({ message, row: 1 });
  });

  it('of JSON name each key once, whatever stands in their texts', async () => {
    const good = { 'a"b': '{"a": 1, "a": 2} \\', list: [{ a: 1 }, { a: ':' }], empty: {} };
    const twice = ['{"a":1,"a":2}', '{"a":{"b":[{"c":1, "c" :2}]}}', '{"a\\\\":1,"a\\\\":":"}'];
    expect(await allOf(await put('d.jsonl', [JSON.stringify(good), ...twice].join('\n')))).toEqual({
      columns: [good],
      problems: [2, 3, 4].map((line) => `Line ${line} of d.jsonl names a key of an object twice.`),
    });
    expect(await allOf(await put('d.json', `[${twice[0] ?? ''}, {"a":1}]`))).toEqual({
      columns: [{ a: 1 }],
      problems: ['Row 1 of d.json names a key of an object twice.'],
    });
  });

  it.each([
    ['d.jsonl', '{"a":"1"}\n{"a":"', '"}\n{"a":"3"}\n', 'Line 2'],
    ['d.json', '[{"a":"1"},\n{"b":["{\\"', '"]},{"a":"3"}]', 'Row 2'],
    ['d.json', '{"data":[{"a":"1"},{"a":"', '\\\\"},{"a":"3"}]}', 'Row 2'],
    ['d.csv', 'a\n1\n', '\n3\n', 'Line 3'],
    ['d.csv', 'a\n1\n"""', '"\n3\n', 'Line 3'],
    ['d.csv', 'a\n1\n"', '\n""\n"\n3\n', 'Lines 3 to 5'],
    ['d.csv', 'a\n1\n"\n', '\n"\r\n3\n', 'Lines 3 to 5'],
    ['d.csv', 'a\n1\n"\n\n', '"\n3\n', 'Lines 3 to 5'],
  ])('go on in %s after a row of 200 MB, of which nothing is kept: %j and %j', async (name, begin, end, row) => {
    const path = at(name);
    await writeFile(path, begin);
    await truncate(path, 200 * 1024 * 1024);
    await appendFile(path, end);
    const before = process.memoryUsage().rss;
    expect(await allOf(await stagedFile(path, name))).toEqual({
      columns: [{ a: '1' }, { a: '3' }],
      problems: [
        row.startsWith('Lines')
          ? `${row} of ${name} are one row of more than 16777216 characters.`
          : `${row} of ${name} is longer than 16777216 bytes.`,
      ],
    });
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024);
  });

  it('go on in CSV after a row of many lines, and keep their numbers', async () => {
    const path = at('d.csv');
    const lines = Buffer.from('some ""text""\n'.repeat(700_000));
    const longs = 20;
    await writeFile(path, 'a,b\n1,2\n3,"');
    for (let written = 0; written < longs; written += 1) await appendFile(path, lines);
    await appendFile(path, '"\n\n5,"6\n6"\n7\n8,9\n');
    const before = process.memoryUsage().rss;
    const rows: unknown[] = [];
    const problems: unknown[] = [];
    for await (const batch of readSourceBatches({ name: 'd', files: [await stagedFile(path, 'd.csv')] })) {
      rows.push(...batch.rows.map(({ number, columns }) => [number, columns]));
      problems.push(...batch.problems.map(({ row, message }) => [row, message]));
    }
    const last = 3 + longs * 700_000;
    expect(rows).toEqual([
      [2, { a: '1', b: '2' }],
      [last + 2, { a: '5', b: '6\n6' }],
      [last + 5, { a: '8', b: '9' }],
    ]);
    expect(problems).toEqual([
      [3, `Lines 3 to ${last} of d.csv are one row of more than 16777216 characters.`],
      [last + 4, `Line ${last + 4} of d.csv has 1 columns, where the header has 2.`],
    ]);
    expect(process.memoryUsage().rss - before).toBeLessThan(250 * 1024 * 1024);
  });

  it('are none in a header, and one in one line', async () => {
    expect(await rowsOf(await put('d.csv', 'a,b\n'))).toEqual([]);
    expect(await rowsOf(await put('d.json', '[]'))).toEqual([]);
    expect(await rowsOf(await put('d.csv', 'a,b\n1,2'))).toEqual([
      { number: 2, unit: 'line', columns: { a: '1', b: '2' } },
    ]);
    expect(await rowsOf(await put('d.json', '[{"a":1}]'))).toEqual([{ number: 1, unit: 'row', columns: { a: 1 } }]);
  });
});

describe.each(packedTexts)('rows in a file of $compression', ({ ending, compression, two, many, nothing, blank }) => {
  const name = `d.jsonl${ending}`;

  it('are read like those of others', async () => {
    const file = await put(name, two);
    expect(file).toMatchObject({ format: 'jsonl', compression });
    expect((await rowsOf(file)).map(({ columns }) => columns)).toEqual(twoRows);
    expect((await rowsOf(await put(`e.json${ending}`, many))).map(({ columns }) => columns)).toEqual(manyRows);
  });

  it('of several streams are all read', async () => {
    const file = await put(name, Buffer.concat([many, nothing, many]));
    expect((await rowsOf(file)).map(({ columns }) => columns)).toEqual([...manyRows, ...manyRows]);
  });

  it('are none when they are not the ones that were packed', async () => {
    for (const at of [0.3, 0.6, 0.9]) {
      const broken = Buffer.from(many);
      const byte = Math.floor(broken.length * at);
      broken.writeUInt8(broken.readUInt8(byte) ^ 0x10, byte);
      await expect(put(name, broken).then((file) => allOf(file))).rejects.toMatchObject({
        code: 'DATASET_UNREADABLE',
        message: `${name} is not readable as ${compression}.`,
        file: name,
      });
    }
    const garbage = put(name, Buffer.concat([many, Buffer.from('something else altogether')])).then(rowsOf);
    await expect(garbage).rejects.toMatchObject({ message: `${name} is not readable as ${compression}.` });
    await expect(put(name, nothing)).rejects.toMatchObject({ code: 'DATASET_EMPTY' });
  });

  it('that break off are named as such, wherever that is', async () => {
    for (const bytes of [20, Math.floor(many.length / 2), many.length - 1])
      await expect(put(name, many.subarray(0, bytes)).then(rowsOf)).rejects.toMatchObject({
        code: 'DATASET_UNREADABLE',
        message: `${name} ends in the middle of its compressed content.`,
        remedy: expect.stringContaining('a download that broke off') as string,
      });
  });

  it('are refused when they become far more than the file is, before they are in memory', async () => {
    const streams = Math.ceil(2048 / blank.mebibytes);
    const file = await put(name, Buffer.concat(Array<Buffer>(streams).fill(blank.bytes)));
    const limits = { freeBytes: 64 * 1024 * 1024, mostRatio: 200 };
    const before = process.memoryUsage().rss;
    let bytes = 0;
    const unpacking = async (): Promise<void> => {
      for await (const chunk of openBytes({ ...file, compression }, limits)) bytes += chunk.length;
    };
    await expect(unpacking()).rejects.toMatchObject({ code: 'DATASET_TOO_LARGE', file: name });
    expect(bytes).toBeLessThanOrEqual(limits.freeBytes);
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024);
  });

  it('are unpacked no faster than they are read', async () => {
    const file = await put(name, Buffer.concat(Array<Buffer>(Math.ceil(200_000 / many.length)).fill(many)));
    const reading = openBytes({ ...file, compression });
    await reading.next();
    await new Promise((resolve) => setTimeout(resolve, 3000));
    // Had all of it been unpacked by now, nobody would see that the rest of the file is gone.
    await truncate(at(name), 100_000);
    const readOn = async (): Promise<void> => {
      for await (const chunk of reading) expect(chunk.length).toBeGreaterThan(0);
    };
    await expect(readOn()).rejects.toMatchObject({
      message: `${name} ends in the middle of its compressed content.`,
    });
  });
});

describe('a file that is refused', () => {
  const utf16 = Buffer.from('question,answer\nq,a\n', 'utf16le');
  it.each([
    ['d.csv', Buffer.concat([Buffer.from([0xff, 0xfe]), utf16]), 'is UTF-16 text'],
    ['d.csv', utf16, 'is UTF-16 text'],
    ['d.jsonl', Buffer.from(utf16).swap16(), 'is UTF-16 text'],
    ['d.zip', 'PK\x03\x04 and so on', 'is a zip archive'],
    ['d.jsonl.bz2', 'BZh91AY&SY', 'd.jsonl.bz2 ends in the middle of its compressed content'],
    ['d.jsonl.xz', xzWithSha256, 'd.jsonl.xz uses a rare form of xz that cannot be read'],
    ['d.csv', '<!DOCTYPE html><html></html>', 'is a web page'],
    ['d.parquet', 'not parquet', 'does not begin like a parquet file (with "not " instead of PAR1)'],
    ['d.parquet', 'version https://git-lfs.github.com/spec/v1\n', 'is only the pointer'],
    ['d.jsonl.gz', gzipSync(gzipSync('{}')), 'is compressed twice'],
    ['d.parquet.gz', gzipSync('PAR1...'), 'is a compressed parquet file'],
    ['d.json', '{"question": {"0": "q"}}', undefined],
    ['d.json', '{\n "question": {"0": "q"}\n}', 'is JSON, but holds no list of rows'],
    ['d.json', '[1, 2]', 'Row 1 of d.json is JSON, but not an object'],
    ['d.json', '[{"a":1}, {"a":', 'd.json ends in the middle, after row 1 of its JSON list'],
    ['d.json', '[{"a":1}] []', 'goes on after its JSON document has ended'],
    ['d.json', '[{"a":1}, {"a" 1}]', 'Row 2 of d.json is not JSON'],
    ['d.csv', 'a,b,a\n1,2,3\n', 'd.csv has several columns named "a": 1 and 3'],
    ['d.csv', 'a,b\n1,2\n3,"4\n5,6\n', 'begins a quoted field that never ends'],
    ['d.csv', Buffer.from('a,b\n1,2\n3,\xE4\n', 'latin1'), 'Line 3 of d.csv is not UTF-8'],
    ['d.jsonl.gz', gzipSync('{"a":1}\n'.repeat(9)).subarray(0, -12), 'ends in the middle of its compressed content'],
    [
      'd.jsonl.zst',
      zstdCompressSync('{"a":1}\n'.repeat(9)).subarray(0, -3),
      'ends in the middle of its compressed content',
    ],
  ])('is named with what it is: %s, %j', async (name, content, message) => {
    const read = put(name, content).then(rowsOf);
    if (message === undefined) return void (await expect(read).resolves.toHaveLength(1));
    await expect(read).rejects.toMatchObject({ message: expect.stringContaining(message) as string, retryable: false });
    await expect(read).rejects.toMatchObject({ file: name, remedy: expect.stringMatching(/\.$/) as string });
  });

  const tooLong = (row: number): object => ({ code: 'DATASET_ROW_INVALID', row });
  it.each(['d.jsonl', 'd.json', 'd.csv'])('is %s with one line of 200 MB, of which little is read', async (name) => {
    const begin = { 'd.jsonl': '{"a":"', 'd.json': '[{"a":"', 'd.csv': 'a,b\n1,"' }[name] ?? '';
    await put(name, begin + 'x'.repeat(100));
    await truncate(at(name), 200 * 1024 * 1024);
    const before = process.memoryUsage().rss;
    await expect(rowsOf(await stagedFile(at(name), name))).rejects.toMatchObject(
      // Whether the last row of a list would have been too long is of no use to whoever has half of a file.
      { 'd.jsonl': tooLong(1), 'd.json': { code: 'DATASET_UNREADABLE' }, 'd.csv': tooLong(2) }[name] ?? {},
    );
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024);
  });

  it('opens a quote and never closes it, however much comes after', async () => {
    await put('d.csv', 'a,b\n1,2\n3,"4\n');
    await appendFile(at('d.csv'), '5,6\n'.repeat(5_000_000));
    await appendFile(at('d.csv'), '7,"8"\n'.repeat(100_000));
    await expect(allOf(await stagedFile(at('d.csv'), 'd.csv'))).rejects.toMatchObject({
      code: 'DATASET_ROW_INVALID',
      message:
        'Line 3 of d.csv begins a row of more than 16777216 characters; a quote that is not closed is the usual cause.',
      row: 3,
    });
  });

  it('becomes far more than it is', async () => {
    // 300 MiB of blank lines in a file of some 30 KiB.
    const packed = zstdCompressSync(Buffer.alloc(300 * 1024 * 1024, `${' '.repeat(1023)}\n`));
    await expect(rowsOf(await put('d.jsonl', packed))).rejects.toMatchObject({
      code: 'DATASET_TOO_LARGE',
      message: expect.stringMatching(
        /^d\.jsonl becomes more than \d{3,} times as large when it is unpacked\.$/,
      ) as string,
      file: 'd.jsonl',
    });
    const limits = { freeBytes: 1024 * 1024, mostRatio: 200 };
    const file = await put('e.jsonl', gzipSync(Buffer.alloc(3 * 1024 * 1024)));
    let bytes = 0;
    const unpacking = async (): Promise<void> => {
      for await (const chunk of openBytes({ ...file, compression: 'gzip' }, limits)) bytes += chunk.length;
    };
    await expect(unpacking()).rejects.toMatchObject({ code: 'DATASET_TOO_LARGE' });
    expect(bytes).toBeLessThan(3 * 1024 * 1024);
  });
});

describe('a parquet file', () => {
  it('gives nested values as they are, and whole numbers as numbers', async () => {
    const select = `SELECT 7::BIGINT AS big, 9007199254740993::BIGINT AS huge, 'text'::BLOB AS bytes, '\\xFF\\xFE'::BLOB AS picture, NULL::VARCHAR AS none,
      [{'role': 'user', 'turns': [1::BIGINT]}] AS messages, DATE '2026-01-02' AS day, 1.5::DECIMAL(4, 2) AS amount`;
    const file = await stagedFile(await parquet('d.parquet', select), 'd.parquet');
    expect(await rowsOf(file)).toEqual([
      {
        number: 1,
        unit: 'row',
        columns: {
          big: 7,
          huge: '9007199254740993',
          bytes: 'text',
          picture: { bytes: 2 },
          none: null,
          messages: [{ role: 'user', turns: [1] }],
          day: '2026-01-02',
          amount: '1.50',
        },
      },
    ]);
  });

  it('that becomes far more than it is does not fill the memory', async () => {
    const path = await parquet('d.parquet', `SELECT repeat('x', 1000000) || range AS a FROM range(100)`);
    const reading = async (): Promise<void> => {
      for await (const { rows } of readParquet(path, 'd.parquet', { threads: '1', memory_limit: '48MB' }))
        expect(rows.length).toBeGreaterThan(0);
    };
    await expect(reading()).rejects.toMatchObject({ code: 'DATASET_TOO_LARGE', file: 'd.parquet' });
  });

  it('that broke off, or is broken inside, is named as such', async () => {
    const path = await parquet('d.parquet', 'SELECT range AS a, md5(range::VARCHAR) AS b FROM range(5000)');
    const file = await stagedFile(path, 'd.parquet');
    expect(await rowsOf(file)).toHaveLength(5000);
    const handle = await open(path, 'r+');
    const { size } = await handle.stat();
    await handle.write(Buffer.alloc(64, 0xff), 0, 64, size - 200);
    await handle.close();
    await expect(rowsOf(await stagedFile(path, 'd.parquet'))).rejects.toMatchObject({ code: 'DATASET_UNREADABLE' });
    await truncate(path, Math.floor(size / 2));
    await expect(rowsOf(await stagedFile(path, 'd.parquet'))).rejects.toMatchObject({
      code: 'DATASET_UNREADABLE',
      message: 'd.parquet ends in the middle: a parquet file ends with PAR1.',
      file: 'd.parquet',
    });
  });
});

describe('a file that changes while it is read', () => {
  it.each([
    ['longer', () => appendFile(at('d.jsonl'), '{"a":2}\n')],
    ['another', () => writeFile(at('e'), jsonl).then(() => rename(at('e'), at('d.jsonl')))],
    ['gone', () => rm(at('d.jsonl'))],
  ])('is not taken: %s', async (_how, change) => {
    const file = await put('d.jsonl', '{"a":1}\n');
    const reading = async (): Promise<void> => {
      for await (const row of readFileRows(file)) if (row.number === 1) await change();
    };
    await expect(reading()).rejects.toMatchObject({ code: 'DATASET_CHANGED', retryable: true, file: 'd.jsonl' });
  });
});

describe('files of one source', () => {
  it('have the columns of the first one', async () => {
    const files = [await put('0.csv', 'question,answer\nq,a\n'), await put('1.csv', 'question,reply\nq,a\n')];
    await expect(allOf(...files)).rejects.toMatchObject({
      code: 'DATASET_COLUMN_MISSING',
      message: '1.csv has the columns "question", "reply", without "answer" of 0.csv.',
      file: '1.csv',
    });
    const wide = (name: string, count: number) =>
      put(name, `${Array.from({ length: count }, (_, index) => `c${index}`).join(',')}\n${'v,'.repeat(count - 1)}v\n`);
    const many = allOf(await wide('2.csv', 900), await wide('3.csv', 800));
    await expect(many).rejects.toMatchObject({
      message: expect.stringMatching(/^.{0,500}, and 80 more of 2\.csv\.$/) as string,
    });
    const objects = [await put('0.jsonl', '{"a":1,"b":2}'), await put('1.jsonl', '{"a":1}')];
    expect((await allOf(...objects)).columns).toHaveLength(2);
    await expect(allOf(...objects, await put('2.jsonl', '{"c":1}'))).rejects.toMatchObject({ file: '2.jsonl' });
  });

  it('of parquet have columns with names of their own', async () => {
    const path = await twinParquet(at('twice.parquet'));
    await expect(rowsOf(await stagedFile(path, 'twice.parquet'))).rejects.toMatchObject({
      code: 'DATASET_UNREADABLE',
      message: 'twice.parquet has several columns named "a": 1 and 2.',
    });
  });
});

/** No writer gives two columns one name, so the name of one is changed afterwards; the new one is as long. */
async function twinParquet(path: string): Promise<string> {
  await parquet('twice.parquet', `SELECT 1 AS a, 2 AS Z`);
  const handle = await open(path, 'r+');
  const bytes = await handle.readFile();
  for (let index = bytes.indexOf('Z'); index >= 0; index = bytes.indexOf('Z', index + 1))
    bytes[index] = 'a'.charCodeAt(0);
  await handle.write(bytes, 0, bytes.length, 0);
  await handle.close();
  return path;
}
