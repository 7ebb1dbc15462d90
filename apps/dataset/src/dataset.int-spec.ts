import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { dataReport, progress, progressSubject, RunCancelled, type RunSpecInput } from '@anneal/contracts';
import { readPreparedRows } from '@anneal/datasets';
import { publishTrainRequest } from '@anneal/messaging';
import type { SmallHub } from '@anneal/testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { TestDatasetService } from './dataset.fixture.js';

let service: TestDatasetService;
let hub: SmallHub;
beforeAll(async () => {
  service = await TestDatasetService.start();
  ({ hub } = service);
}, 120_000);
afterAll(() => service?.stop());

const row = (number: number): string => JSON.stringify({ problem: `What is ${number} + 1?`, answer: `${number + 1}` });
const rows = (count: number): string[] => Array.from({ length: count }, (_, index) => row(index));

function request(source: string, more: Partial<RunSpecInput['dataset']> = {}): RunSpecInput & { id: string } {
  return {
    id: `run-${randomUUID().slice(0, 8)}`,
    model: { base: 'acme/model' },
    dataset: { source, ...more },
    training: { method: 'lora' },
  };
}

async function trainRows(folder: string): Promise<unknown[]> {
  const read: unknown[] = [];
  for await (const row of readPreparedRows(folder)) read.push(row);
  return read;
}

describe('a request', () => {
  it('becomes one prepared set that can be fetched by its digest', async () => {
    const source = await service.file('sums.jsonl', [...rows(100), row(7)]);
    const spec = request(source);
    const { eventId } = await publishTrainRequest(service.broker, spec);
    const dataset = await service.prepared(spec.id);
    expect(dataset).toMatchObject({ source, rows: { read: 101, duplicates: 1, dropped: 0 } });
    expect(dataset.rows.train + dataset.rows.heldOut).toBe(100);
    expect(dataset.sourceDigest).toBe(
      createHash('sha256')
        .update(await readFile(join(service.data, 'sums.jsonl')))
        .digest('hex'),
    );
    expect(service.said(spec.id)[0]?.event).toMatchObject({ causationId: eventId, data: { spec: { id: spec.id } } });

    const folder = join(service.folder, 'fetched');
    await service.store.getDirectory(dataset.artifact, folder);
    expect((await readdir(folder)).toSorted()).toEqual(['held-out.jsonl', 'report.json', 'train.parquet']);
    const train = await trainRows(folder);
    expect(train).toHaveLength(dataset.rows.train);
    expect(train[0]).toEqual({
      messages: [
        { role: 'user', content: expect.stringMatching(/^What is/) as string },
        { role: 'assistant', content: expect.stringMatching(/^\d+$/) as string },
      ],
    });
    expect(existsSync(service.workFolder(spec.id))).toBe(false);
  });

  it('without an id or a header is taken, too', async () => {
    const { id, ...spec } = request(await service.file('bare.jsonl', rows(30)));
    await publishTrainRequest(service.broker, spec, { id: `event-of-${id}` });
    expect((await service.prepared(`event-of-${id}`)).rows.read).toBe(30);
  });

  it('gives the same artifact for the same input', async () => {
    const [one, two] = [
      request(await service.file('same.jsonl', rows(50))),
      request(await service.file('copy.jsonl', rows(50))),
    ];
    await Promise.all([publishTrainRequest(service.broker, one), publishTrainRequest(service.broker, two)]);
    expect((await service.prepared(one.id)).artifact).toEqual((await service.prepared(two.id)).artifact);
  });

  it('is answered at once when the same set was made before', async () => {
    const lines = rows(60);
    const [one, two] = [
      request(await service.file('first.jsonl', lines)),
      request(await service.file('second.jsonl', lines)),
    ];
    await publishTrainRequest(service.broker, one);
    const made = await service.prepared(one.id);
    const phases: string[] = [];
    service.broker.subscribe(progressSubject(two.id, 'dataset'), {
      callback: (_error, message) => void phases.push(progress.parse(message.json()).phase),
    });
    await service.broker.flush();
    await publishTrainRequest(service.broker, two);
    expect(await service.prepared(two.id)).toEqual({ ...made, source: two.dataset.source });
    expect(phases).toEqual(['starting', 'fetching']);
  });

  it('tells what is worth knowing about the rows, in the event and in a report', async () => {
    const lines = [...rows(150), JSON.stringify({ problem: 'Who?', answer: '' }), JSON.stringify({ problem: 3 })];
    const spec = request(await service.file('told.jsonl', lines), { mostBadRows: 2 });
    await publishTrainRequest(service.broker, spec);
    const dataset = await service.prepared(spec.id);
    expect(dataset.rows).toMatchObject({ read: 152, dropped: 2 });
    expect(dataset.report).toMatchObject({ format: 'question-answer', dropped: 2 });
    expect(dataset.report?.warnings).toEqual(expect.arrayContaining(['no-tokenizer', 'rows-dropped', 'short-answers']));
    const { store } = service;
    const report = dataReport.parse(JSON.parse((await store.getFile(dataset.artifact, 'report.json')).toString()));
    expect(report.problems.map(({ code, rows: count }) => [code, count])).toEqual([
      ['answer-missing', 1],
      ['wrong-type', 1],
    ]);
    expect(JSON.stringify(report)).not.toContain('told.jsonl');
  });

  it('that comes often is done once', async () => {
    const spec = request(await service.file('often.jsonl', rows(20)));
    // The same event again, and other events with the same run id.
    for (const id of ['often-1', 'often-1', 'often-2', 'often-3'])
      await publishTrainRequest(service.broker, spec, { id });
    await service.prepared(spec.id);
  });

  it('that cannot be read is left to the gateway', async () => {
    const spec = request(await service.file('later.jsonl', rows(20)));
    await publishTrainRequest(service.broker, { ...spec, dataset: {} }, { id: 'unreadable' });
    await publishTrainRequest(service.broker, spec);
    await service.prepared(spec.id);
    expect(service.said('unreadable')).toEqual([]);
  });

  it('for several files of the Hub names the digest of all of them', async () => {
    const parts = [rows(30).slice(0, 10), rows(30).slice(10)].map((part) => part.map((line) => `${line}\n`).join(''));
    const put = { 'train-00000-of-00002.jsonl': parts[0] ?? '', 'train-00001-of-00002.jsonl': parts[1] ?? '' };
    hub.create('acme/sums', { type: 'dataset' }).commit('add', { put });
    const spec = request('acme/sums');
    await publishTrainRequest(service.broker, spec);
    const dataset = await service.prepared(spec.id);
    expect(dataset.rows.read).toBe(30);
    expect(dataset.sourceDigest).toBe(createHash('sha256').update(parts.join('')).digest('hex'));
  });

  it('survives a Hub that is away for a moment', async () => {
    hub.create('acme/shy', { type: 'dataset' }).commit('add', { put: { 'train.jsonl': `${rows(29).join('\n')}\n` } });
    hub.faults.add('info', { kind: 'status', status: 503 });
    const spec = request('acme/shy');
    await publishTrainRequest(service.broker, spec);
    expect((await service.prepared(spec.id)).rows.read).toBe(29);
  });
});

describe('an artifact as source', () => {
  const lines = (part: string[]): Buffer => Buffer.from(part.map((line) => `${line}\n`).join(''));
  const put = async (files: Record<string, Uint8Array>): Promise<string> => {
    const sources = Object.entries(files).map(([path, source]) => ({ path, source }));
    return (await service.store.putFiles('file', sources)).digest;
  };

  it('gives the rows of all its files that hold rows', async () => {
    const parts = [lines(rows(30).slice(0, 10)), lines(rows(30).slice(10))] as const;
    const digest = await put({ 'b/more.jsonl': parts[1], 'a.jsonl': parts[0], 'notes.txt': Buffer.from('notes') });
    const spec = request(`artifact:${digest}`);
    await publishTrainRequest(service.broker, spec);
    const dataset = await service.prepared(spec.id);
    expect(dataset).toMatchObject({ source: `artifact:${digest}`, rows: { read: 30 } });
    expect(dataset.sourceDigest).toBe(createHash('sha256').update(Buffer.concat(parts)).digest('hex'));
  });

  it('is named by the beginning of its digest, with the file that is wrong', async () => {
    const digest = await put({ 'train.jsonl': lines([row(1), '{"problem":']) });
    const spec = request(`artifact:${digest}`);
    await publishTrainRequest(service.broker, spec);
    const { failure } = await service.failed(spec.id);
    const file = `artifact:${digest.slice(0, 12)}/train.jsonl`;
    expect(failure).toMatchObject({ code: 'DATASET_ROW_INVALID', file, row: 2 });
    expect(failure.message).toContain(`Line 2 of ${file}`);
  });

  it.each([
    ['is not stored', async () => 'ab'.repeat(32), 'The store has no artifact:abababababab'],
    ['has no rows', () => put({ 'notes.txt': Buffer.from('notes') }), 'without a .jsonl, .json, .csv or .parquet file'],
  ])('that %s is not found', async (_what, digest, message) => {
    const spec = request(`artifact:${await digest()}`);
    await publishTrainRequest(service.broker, spec);
    const { attempts, failure } = await service.failed(spec.id);
    expect(attempts).toBe(1);
    expect(failure).toMatchObject({ code: 'DATASET_NOT_FOUND', field: 'dataset.source' });
    expect(failure.message).toContain(message);
  });
});

describe('questions that will judge a run', () => {
  const question = 'How many of the seven sheep of the shepherd are left when three of them have run away?';
  const asked = `${JSON.stringify({ question_id: 7, question, options: ['3', '4', '7'], answer: 'B', category: 'math' })}\n`;
  const taught = JSON.stringify({ problem: question, answer: '4' });
  const judge = async (name: string, source: string, more: Partial<RunSpecInput['dataset']> = {}) => {
    const evaluation = { benchmarks: [{ name: 'mmlu-pro' as const, source, revision: 'main' }] };
    const spec = { ...request(await service.file(name, [...rows(40), taught]), more), evaluation };
    await publishTrainRequest(service.broker, spec);
    return spec.id;
  };
  const judged = async (...asked: Parameters<typeof judge>) => service.prepared(await judge(...asked));

  it.each([
    [
      'the Hub',
      async () => {
        hub.create('acme/mmlu', { type: 'dataset' }).commit('add', { put: { 'data/test.jsonl': asked } });
        return 'acme/mmlu';
      },
    ],
    [
      'the store',
      async () => {
        const files = [{ path: 'test.jsonl', source: Buffer.from(asked) }];
        return `artifact:${(await service.store.putFiles('file', files)).digest}`;
      },
    ],
  ])('are not trained on, when they come from %s', async (_where, put) => {
    const { rows: counted, report } = await judged('taught.jsonl', await put());
    expect(counted).toMatchObject({ read: 41, train: 40, dropped: 1 });
    expect(report?.contaminated).toEqual({ flagged: 1, removed: 1 });
    expect(report?.warnings).not.toContain('benchmark-unchecked');
  });

  it('that nobody has end the run, since rows with one were to be removed', async () => {
    const { failure } = await service.failed(await judge('needed.jsonl', 'acme/none'));
    expect(failure.message).toContain('The rows cannot be checked against mmlu-pro');
    expect(failure.remedy).toContain('dataset.decontamination');
  });

  it('are not asked for when nobody wants rows to be compared', async () => {
    const { rows: counted, report } = await judged('off.jsonl', 'acme/none', { decontamination: 'off' });
    expect(counted).toMatchObject({ read: 41, train: 41 });
    expect(report?.warnings).not.toContain('benchmark-unchecked');
  });

  it('are told to be unchecked when nobody has them and rows are only flagged', async () => {
    const { rows: counted, report } = await judged('unchecked.jsonl', 'acme/none', { decontamination: 'flag' });
    expect(counted).toMatchObject({ read: 41, train: 41 });
    expect(report?.warnings).toContain('benchmark-unchecked');
  });
});

describe('a source elsewhere', () => {
  it('may be an object of a bucket of data', async () => {
    const store = await service.bucket('data');
    const bytes = Buffer.from(rows(30).join('\n'));
    await store.putFiles('file', [{ path: 'rows', source: bytes }]);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const spec = request(`s3:data/sha256/${sha256.slice(0, 2)}/${sha256}`);
    await publishTrainRequest(service.broker, spec);
    const dataset = await service.prepared(spec.id);
    expect(dataset).toMatchObject({ source: spec.dataset.source, sourceDigest: sha256, rows: { read: 30 } });
  });

  it.each([
    ['s3:anneal/sha256/', { code: 'DATASET_NOT_FOUND' }],
    ['https://127.0.0.1/rows.jsonl', { code: 'SOURCE_REFUSED' }],
    ['https://localhost/rows.jsonl', { code: 'SOURCE_REFUSED' }],
  ])('may be none that others cannot reach: %s', async (source, failure) => {
    const spec = request(source);
    await publishTrainRequest(service.broker, spec);
    expect(await service.failed(spec.id)).toMatchObject({
      attempts: 1,
      failure: { ...failure, field: 'dataset.source' },
    });
  });

  it('may be a folder of compressed tables', async () => {
    await mkdir(join(service.data, 'tables'));
    for (const [index, part] of [rows(30).slice(0, 10), rows(30).slice(10)].entries()) {
      const lines = part.map((line) => Object.values(JSON.parse(line) as Record<string, string>).join(';'));
      await writeFile(
        join(service.data, 'tables', `train-${index}.csv.gz`),
        gzipSync(`problem;answer\n${lines.join('\n')}\n`),
      );
    }
    const spec = request(`file:${join(service.data, 'tables')}`);
    await publishTrainRequest(service.broker, spec);
    expect((await service.prepared(spec.id)).rows.read).toBe(30);
  });
});

describe('rows that are held out of another source', () => {
  it('are asked, and none of them is trained', async () => {
    const source = await service.file('all.jsonl', rows(40));
    const heldOutFrom = await service.file('questions.jsonl', rows(48).slice(30));
    const spec = request(source, { heldOutFrom, limit: 35 });
    await publishTrainRequest(service.broker, spec);
    const dataset = await service.prepared(spec.id);
    expect(dataset.source).toBe(source);
    expect(dataset.rows).toEqual({ read: 35, train: 30, heldOut: 18, duplicates: 0, dropped: 5 });
    const { store } = service;
    const heldOut = (await store.getFile(dataset.artifact, 'held-out.jsonl')).toString().trim().split('\n');
    const answers = heldOut.map((line) => Number((JSON.parse(line) as { expected: string }).expected));
    expect(answers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 18 }, (_, index) => index + 31));
    const folder = await mkdtemp(join(service.folder, 'set-'));
    await store.getDirectory(dataset.artifact, folder);
    expect(JSON.stringify(await trainRows(folder))).not.toContain('What is 30 + 1?');
  });

  it('are not read when nobody asks them', async () => {
    const source = await service.file('asked-by-nobody.jsonl', rows(20));
    const evaluation = { benchmarks: [{ name: 'mmlu-pro' as const }] };
    const spec = { ...request(source, { heldOutFrom: source, decontamination: 'off' }), evaluation };
    await publishTrainRequest(service.broker, spec);
    expect((await service.prepared(spec.id)).rows).toMatchObject({ train: 20, heldOut: 0, dropped: 0 });
  });

  it.each([
    ['file:/etc/hostname', { code: 'DATASET_NOT_FOUND' }],
    [`artifact:${'cd'.repeat(32)}`, { code: 'DATASET_NOT_FOUND' }],
    ['acme/nowhere', { code: 'DATASET_NOT_FOUND' }],
    ['blank.jsonl', { code: 'DATASET_EMPTY', file: 'blank.jsonl' }],
  ])('are missing: %s', async (from, failure) => {
    const heldOutFrom = from === 'blank.jsonl' ? await service.file(from, ['']) : from;
    const spec = request(await service.file('enough.jsonl', rows(20)), { heldOutFrom });
    await publishTrainRequest(service.broker, spec);
    expect((await service.failed(spec.id)).failure).toMatchObject({ ...failure, field: 'dataset.heldOutFrom' });
  });
});

describe('a source that is wrong', () => {
  it.each([
    ['a line that is no JSON', [...rows(2), '{"problem":'], { code: 'DATASET_ROW_INVALID', row: 3 }],
    ['a row without an answer', [...rows(4), '{"problem":"p"}'], { code: 'DATASET_ROW_INVALID', row: 5 }],
    ['columns nobody knows', ['{"words":"t"}'], { code: 'DATASET_COLUMN_MISSING', field: 'dataset.columns' }],
    ['no row', ['', ''], { code: 'DATASET_EMPTY' }],
    ['too few rows to hold one out', [row(3)], { code: 'DATASET_EMPTY', field: 'dataset.source' }],
  ])('%s fails the run at once, by file and row', async (what, lines, failure) => {
    const name = `${what.replaceAll(' ', '-')}.jsonl`;
    const spec = request(await service.file(name, lines));
    await publishTrainRequest(service.broker, spec);
    expect(await service.failed(spec.id)).toMatchObject({
      stage: 'dataset',
      attempts: 1,
      failure: { ...failure, file: name },
    });
  });

  it('lies outside the folders of the service', async () => {
    const spec = request('file:/etc/hostname');
    await publishTrainRequest(service.broker, spec);
    expect(await service.failed(spec.id)).toMatchObject({
      failure: { code: 'DATASET_NOT_FOUND', field: 'dataset.source' },
    });
  });
});

describe('a cancelled run', () => {
  const cancelled = (runId: string): Promise<void> =>
    service.say(RunCancelled, { runId, name: 'n', seconds: 1, by: 'somebody', turn: 1 });

  it('is not begun', async () => {
    await service.stopService();
    const spec = request(await service.file('cancelled.jsonl', rows(20)));
    const next = request(await service.file('next.jsonl', rows(20)));
    await publishTrainRequest(service.broker, spec);
    await cancelled(spec.id);
    await publishTrainRequest(service.broker, next);
    await service.startService();
    await service.prepared(next.id);
    expect(service.said(spec.id)).toEqual([]);
  });

  it('is dropped in the middle of a download', async () => {
    hub.create('acme/slow', { type: 'dataset' }).commit('add', { put: { 'train.jsonl': `${rows(31).join('\n')}\n` } });
    const spec = request('acme/slow');
    hub.faults.add('download', {
      kind: 'meanwhile',
      act: async () => {
        await cancelled(spec.id);
        await pause(1_000);
      },
    });
    await publishTrainRequest(service.broker, spec);
    await vi.waitFor(() => expect(hub.requests.some(({ path }) => path.includes('acme/slow/resolve'))).toBe(true));
    await pause(2_000);
    expect(service.said(spec.id)).toEqual([]);
    expect(hub.requests.filter(({ path }) => path.includes('acme/slow/resolve'))).toHaveLength(1);
  });
});
