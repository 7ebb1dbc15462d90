import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { EvaluationCompleted, ModelPublished, TrainingCompleted, TrainingStarted } from '@anneal/contracts';
import { sampleEvents, until } from '@anneal/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { largestFileBytes, TestGateway } from '../gateway.fixture.js';
import { JobTable } from './jobs/job.table.js';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await TestGateway.start();
}, 120_000);
afterAll(async () => {
  await gateway?.stop();
});

const rows = (count: number): string =>
  Array.from({ length: count }, (_, n) => ({
    messages: [
      { role: 'user', content: `question ${n}` },
      { role: 'assistant', content: `answer ${n}` },
    ],
  }))
    .map((row) => JSON.stringify(row))
    .join('\n');

const pairLine = (question: string, chosen: string, rejected: string): string =>
  `${JSON.stringify({
    input: { messages: [{ role: 'user', content: question }] },
    preferred_output: [{ role: 'assistant', content: chosen }],
    non_preferred_output: [{ role: 'assistant', content: rejected }],
  })}\n`;
const pairs = (count: number): string =>
  Array.from({ length: count }, (_, n) => pairLine(`question ${n}`, `answer ${n}`, 'no')).join('');

interface FileView {
  id: string;
  status: string;
  status_details: string | null;
  filename: string;
}

async function upload(
  content: string | Uint8Array<ArrayBuffer>,
  filename = 'train.jsonl',
  more: object = {},
): Promise<Response> {
  const form = new FormData();
  form.set('purpose', 'fine-tune');
  for (const [name, value] of Object.entries(more)) form.set(name, String(value));
  form.set('file', new Blob([content]), filename);
  return gateway.call('/v1/files', { method: 'POST', body: form });
}

async function uploaded(content: string | Uint8Array<ArrayBuffer>, filename?: string): Promise<FileView> {
  const answer = await upload(content, filename);
  expect(answer.status).toBe(200);
  const { id } = (await answer.json()) as FileView;
  return until(`the check of ${id}`, async () => {
    const file = (await (await gateway.call(`/v1/files/${id}`)).json()) as FileView;
    return file.status === 'uploaded' ? undefined : file;
  });
}

async function errorOf(
  answer: Response,
  status: number,
): Promise<{ message: string; param: string | null; code: string }> {
  expect(answer.status).toBe(status);
  const { error } = (await answer.json()) as { error: { message: string; type: string; param: string; code: string } };
  expect(Object.keys(error).toSorted()).toEqual(['code', 'message', 'param', 'type']);
  expect(answer.headers.get('x-request-id')).toBeTruthy();
  return error;
}

describe('a training file', () => {
  it('that is good is processed, and comes back byte for byte', async () => {
    const text = rows(12);
    const file = await uploaded(text);
    expect(file).toMatchObject({ status: 'processed', filename: 'train.jsonl' });
    expect(await (await gateway.call(`/v1/files/${file.id}/content`)).text()).toBe(text);
  });

  it.each([
    ['that is no JSON', `${rows(1)}\nnot json\n`, /Line 2 of train.jsonl/],
    ['with invalid UTF-8', Buffer.from([...Buffer.from(`${rows(1)}\n`), 0x22, 0xff, 0xfe]), /Line 2 of train.jsonl/],
    ['with a line of 50 MB', `${rows(1)}\n"${'x'.repeat(50_000_000)}"`, /Line 2 of train.jsonl is longer/],
    ['without an answer', '{"messages":[{"role":"user","content":"?"}]}', /line 1 of train.jsonl/],
  ])('%s ends in an error that names the line', async (_what, content, message) => {
    const file = await uploaded(typeof content === 'string' ? content : new Uint8Array(content));
    expect(file.status).toBe('error');
    expect(file.status_details).toMatch(message);
    const job = await gateway.post('/v1/fine_tuning/jobs', { model: 'tiny', training_file: file.id });
    expect(await errorOf(job, 400)).toMatchObject({ param: 'training_file' });
  });

  it.each([
    ['../../etc/passwd', 'passwd'],
    ['C:\\data\\rows.jsonl', 'rows.jsonl'],
  ])('named %s keeps its last part only', async (given, kept) => {
    expect((await uploaded(rows(10), given)).filename).toBe(kept);
  });

  it('with control characters in its name is refused', async () => {
    expect((await upload(rows(10), 'a\u0007b.jsonl')).status).toBe(400);
  });

  it('that is empty, has another purpose, or a field nobody knows is refused by name', async () => {
    expect(await errorOf(await upload(''), 400)).toMatchObject({ param: 'file' });
    expect(await errorOf(await upload(rows(10), 'x.jsonl', { purpose: 'vision' }), 400)).toMatchObject({
      param: 'purpose',
    });
    expect(await errorOf(await upload(rows(10), 'x.jsonl', { colour: 1 }), 400)).toMatchObject({ param: 'colour' });
  });

  it('larger than the limit is refused while it arrives', async () => {
    const answer = await upload(new Uint8Array(randomBytes(largestFileBytes + 1)));
    expect(await errorOf(answer, 413)).toMatchObject({ code: 'request_too_large' });
  });

  it('that breaks off leaves nothing', async () => {
    const { host, port, hostname } = new URL(gateway.url);
    const socket = connect(Number(port), hostname);
    const head = '--b\r\ncontent-disposition: form-data; name="file"; filename="x.jsonl"\r\n\r\n{"messages"';
    socket.write(
      `POST /v1/files HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${gateway.apiKey}\r\n` +
        `content-type: multipart/form-data; boundary=b\r\ncontent-length: 100000\r\n\r\n${head}`,
    );
    const before = ((await (await gateway.call('/v1/files')).json()) as { data: unknown[] }).data.length;
    await new Promise((resolve) => setTimeout(resolve, 200));
    socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 200));
    const after = ((await (await gateway.call('/v1/files')).json()) as { data: unknown[] }).data.length;
    expect(after).toBe(before);
  });

  it('sent as a form that is none is refused', async () => {
    const init = { method: 'POST', headers: { 'content-type': 'multipart/form-data; boundary=b' }, body: 'garbage' };
    expect((await gateway.call('/v1/files', init)).status).toBe(400);
    expect((await gateway.post('/v1/files', {})).status).toBe(415);
  });
});

describe('what was sent once', () => {
  const again = (path: string, init: RequestInit): Promise<Response> =>
    gateway.call(path, { ...init, method: 'POST', headers: { ...init.headers, 'idempotency-key': 'gone' } });

  it('and was deleted since is not made anew by the same request', async () => {
    const wish = { name: 'here', url: 'http://127.0.0.1:9/', event_types: ['fine_tuning.job.failed'] };
    const headers = { 'content-type': 'application/json' };
    const form = (): FormData => {
      const fields = new FormData();
      fields.set('purpose', 'fine-tune');
      fields.set('file', new Blob([rows(11)]), 'rows.jsonl');
      return fields;
    };
    const requests: [string, () => RequestInit][] = [
      ['/v1/webhook_endpoints', () => ({ headers, body: JSON.stringify(wish) })],
      ['/v1/files', () => ({ body: form() })],
    ];
    for (const [path, init] of requests) {
      const { id } = (await (await again(path, init())).json()) as { id: string };
      expect((await gateway.call(`${path}/${id}`, { method: 'DELETE' })).status).toBe(200);
      expect(await errorOf(await again(path, init()), 409)).toMatchObject({ code: 'state_conflict' });
    }
  });
});

describe('a text that no database could keep', () => {
  it.each([
    '/v1/files?after=%00',
    '/v1/fine_tuning/jobs?after=a%00',
    '/v1/fine_tuning/jobs?metadata%5Ba%5D=%00',
    '/v1/models/%00',
    '/v1/webhook_endpoints/%00',
  ])('is refused in %s', async (path) => {
    await errorOf(await gateway.call(path), 400);
  });

  it('is refused in a body, by name', async () => {
    const wish = { name: 'a\0b', url: 'http://127.0.0.1:9/', event_types: ['fine_tuning.job.failed'] };
    expect(await errorOf(await gateway.post('/v1/webhook_endpoints', wish), 400)).toMatchObject({ param: 'name' });
    const job = { model: 'tiny', training_file: 'x', metadata: { 'a\0': 'b' } };
    await errorOf(await gateway.post('/v1/fine_tuning/jobs', job), 400);
    const levels = 100_000;
    const deep = `{"model":"tiny","training_file":"x","anneal":{"training":{"a":${'['.repeat(levels)}${']'.repeat(levels)}}}}`;
    await errorOf(await gateway.post('/v1/fine_tuning/jobs', deep), 400);
  });
});

describe('a job', () => {
  it('is a run with the same id, whose values are all settled', async () => {
    const { id: file } = await uploaded(rows(100));
    const answer = await gateway.post('/v1/fine_tuning/jobs', {
      model: 'tiny',
      training_file: file,
      suffix: 'sums',
      seed: 7,
      metadata: { team: 'math' },
      method: { type: 'supervised', supervised: { hyperparameters: { n_epochs: 2, batch_size: 'auto' } } },
      anneal: { training: { lora: { rank: 4 } } },
    });
    expect(answer.status).toBe(200);
    const job = (await answer.json()) as { id: string; status: string };
    expect(job).toMatchObject({
      object: 'fine_tuning.job',
      status: 'validating_files',
      hyperparameters: { n_epochs: 2, batch_size: 2, learning_rate_multiplier: 1 },
      fine_tuned_model: null,
      error: null,
      result_files: [],
      seed: 7,
    });
    const run = await gateway.run(job.id);
    expect(run?.spec?.training).toMatchObject({
      epochs: 2,
      microBatch: 2,
      learningRate: 2e-4,
      lora: { rank: 4 },
      seed: 7,
    });
    const found = await gateway.call('/v1/fine_tuning/jobs?metadata%5Bteam%5D=math');
    expect(((await found.json()) as { data: { id: string }[] }).data.map(({ id }) => id)).toEqual([job.id]);
    const cancelled = await gateway.call(`/v1/fine_tuning/jobs/${job.id}/cancel`, { method: 'POST' });
    expect(await cancelled.json()).toMatchObject({ status: 'cancelled' });
    const again = await gateway.call(`/v1/fine_tuning/jobs/${job.id}/cancel`, { method: 'POST' });
    expect(again.headers.get('x-should-retry')).toBe('false');
    await errorOf(again, 409);
  });

  it('that learns from preference pairs is a run with that objective, all numbers settled', async () => {
    const { id: training_file } = await uploaded(pairs(100));
    const { id: validation_file } = await uploaded(pairs(10));
    const ask = (method: object, more: object = {}): Promise<Response> =>
      gateway.post('/v1/fine_tuning/jobs', { model: 'tiny', training_file, validation_file, method, ...more });
    const answer = await ask({ type: 'dpo' }, { anneal: { training: { method: 'qlora' } } });
    expect(answer.status).toBe(200);
    const job = (await answer.json()) as { id: string };
    const hyperparameters = { n_epochs: 1, batch_size: 2, learning_rate_multiplier: 1, beta: 0.1 };
    expect(job).toMatchObject({ hyperparameters, method: { type: 'dpo', dpo: { hyperparameters } } });
    expect((await gateway.run(job.id))?.spec?.training).toMatchObject({
      ...{ method: 'qlora', objective: 'dpo', dpo: { beta: 0.1 }, epochs: 1, learningRate: 5e-6, microBatch: 2 },
    });
    const asked = { beta: 0.4, batch_size: 12, learning_rate_multiplier: 2, n_epochs: 'auto' };
    const other = (await (await ask({ type: 'dpo', dpo: { hyperparameters: asked } })).json()) as { id: string };
    expect(other).toMatchObject({ method: { dpo: { hyperparameters: { ...asked, n_epochs: 1 } } } });
    expect((await gateway.run(other.id))?.spec?.training).toMatchObject({
      ...{ method: 'lora', dpo: { beta: 0.4 }, learningRate: 1e-5, microBatch: 2, gradientAccumulation: 6 },
    });
  });

  it('needs rows of the kind that its method learns from', async () => {
    const [{ id: answers }, { id: preferences }] = [await uploaded(rows(10)), await uploaded(pairs(10))];
    const refused = async (body: object) =>
      errorOf(await gateway.post('/v1/fine_tuning/jobs', { model: 'tiny', ...body }), 400);
    expect(await refused({ training_file: preferences })).toMatchObject({
      param: 'training_file',
      message: expect.stringMatching(/holds preference pairs, and the method supervised needs rows.*"dpo"/s) as string,
    });
    const dpo = { method: { type: 'dpo' } };
    expect(await refused({ training_file: answers, ...dpo })).toMatchObject({ param: 'training_file' });
    expect(await refused({ training_file: preferences, validation_file: answers, ...dpo })).toMatchObject({
      param: 'validation_file',
    });
  });

  it('has pairs checked as soon as they are there, with their lines', async () => {
    const same = pairLine('q', 'same', 'same');
    const file = await uploaded(`${pairs(3)}${same}${pairLine('q', '', 'b')}`);
    expect(file).toMatchObject({
      status: 'error',
      status_details: expect.stringMatching(/In line 4 of .*have the same answer.*In line 5 of .*is empty/s) as string,
    });
  });

  it.each([
    [{ model: 'nobody' }, 400, 'model'],
    [{ training_file: 'file-nothing' }, 400, 'training_file'],
    [{ method: { type: 'dpo' } }, 400, 'training_file'],
    [{ method: { type: 'reinforcement' } }, 400, 'method.type'],
    [{ method: { type: 'dpo', dpo: { hyperparameters: { beta: 3 } } } }, 400, 'method.dpo.hyperparameters.beta'],
    [{ anneal: { training: { objective: 'dpo' } } }, 400, 'anneal.training.objective'],
    [{ anneal: { training: { method: 'dpo' } } }, 400, 'anneal.training.method'],
    [{ colour: 1 }, 400, 'colour'],
    [{ hyperparameters: { n_epochs: -1 } }, 400, 'hyperparameters.n_epochs'],
    [{ anneal: { training: { lora: { rank: 0 } } } }, 400, 'anneal.training.lora.rank'],
    [{ metadata: { text: 'x'.repeat(513) } }, 400, 'metadata.text'],
    [{ integrations: [{ type: 'wandb', wandb: { project: 'mine' } }] }, 400, 'integrations'],
    [{ seed: -1 }, 400, 'seed'],
  ])('with %j is refused by name', async (change, status, param) => {
    const { id: training_file } = await uploaded(rows(10));
    const answer = await gateway.post('/v1/fine_tuning/jobs', { model: 'tiny', training_file, ...change });
    expect(await errorOf(answer, status)).toMatchObject({ param });
  });

  it('cannot have numbers that are none', async () => {
    for (const number of ['NaN', 'Infinity', '-Infinity', '1e999']) {
      const body = `{"model":"tiny","training_file":"x","hyperparameters":{"learning_rate_multiplier":${number}}}`;
      await errorOf(await gateway.post('/v1/fine_tuning/jobs', body), 400);
      const yaml = `model: {base: "file:/m"}\ndataset: {source: "file:/d"}\ntraining: {method: lora, epochs: ${number === 'NaN' ? '.nan' : '.inf'}}`;
      const answer = await gateway.post('/api/runs/validate', yaml, 'application/yaml');
      expect(await answer.json()).toMatchObject({ error: { code: 'SPEC_INVALID', field: 'training.epochs' } });
    }
  });

  it('may be asked for as soon as its file is here', async () => {
    const { id: training_file } = (await (await upload(rows(20_000))).json()) as FileView;
    const made = await gateway.post('/v1/fine_tuning/jobs', { model: 'tiny', training_file });
    expect(await made.json()).toMatchObject({ object: 'fine_tuning.job', training_file });
  });

  it('cannot have a file that was deleted', async () => {
    const { id } = await uploaded(rows(10));
    await gateway.call(`/v1/files/${id}`, { method: 'DELETE' });
    const gone = await gateway.post('/v1/fine_tuning/jobs', { model: 'tiny', training_file: id });
    expect(await errorOf(gone, 400)).toMatchObject({ param: 'training_file' });
  });

  it('tells the batch that the trainer settled, and the tokens that were trained', async () => {
    const { id: training_file } = await uploaded(rows(100));
    const made = await gateway.post('/v1/fine_tuning/jobs', { model: 'tiny', training_file });
    const { id } = (await made.json()) as { id: string };
    const job = async (): Promise<Record<string, unknown>> =>
      (await (await gateway.call(`/v1/fine_tuning/jobs/${id}`)).json()) as Record<string, unknown>;
    const { started, trained, evaluated, published } = sampleEvents(id);
    const plan = { ...started.plan, microBatch: 4, gradientAccumulation: 2, processes: 2, effectiveBatch: 16 };
    expect(await job()).toMatchObject({ hyperparameters: { batch_size: 2 }, trained_tokens: null });
    await gateway.say(TrainingStarted, { ...started, plan });
    await gateway.runWhen(id, (run) => run.plan !== undefined);
    const hyperparameters = { batch_size: 16 };
    expect(await job()).toMatchObject({ hyperparameters, method: { supervised: { hyperparameters } } });
    await gateway.say(TrainingCompleted, { ...trained, training: { ...trained.training, plan, tokens: 12_345 } });
    await gateway.say(EvaluationCompleted, evaluated);
    await gateway.say(ModelPublished, published);
    await until('the end of the job', async () => (await job())['status'] === 'succeeded');
    expect(await job()).toMatchObject({ trained_tokens: 12_345, hyperparameters });
  });

  it('gets no result of an end that it has left behind, since it was retried', async () => {
    const { id: training_file } = await uploaded(rows(10));
    const made = await gateway.post('/v1/fine_tuning/jobs', { model: 'tiny', training_file });
    const { id } = (await made.json()) as { id: string };
    // It runs, as one does that was begun anew while its metrics were put into the store.
    const given = await gateway.onTables((source) =>
      source.transaction((tx) => new JobTable(source).hasResult(tx, id, 'file-of-the-last-end')),
    );
    expect(given).toBe(false);
    expect(await (await gateway.call(`/v1/fine_tuning/jobs/${id}`)).json()).toMatchObject({ result_files: [] });
  });

  it('is started once, however often it is asked for with one key', async () => {
    const { id: training_file } = await uploaded(rows(10));
    const body = JSON.stringify({ model: 'tiny', training_file });
    const headers = { 'content-type': 'application/json', 'idempotency-key': 'one' };
    const ask = async (): Promise<string> => {
      const answer = await gateway.call('/v1/fine_tuning/jobs', { method: 'POST', headers, body });
      return ((await answer.json()) as { id: string }).id;
    };
    const ids = await Promise.all([ask(), ask(), ask(), ask()]);
    expect(new Set(ids).size).toBe(1);
  });
});

describe('a list', () => {
  it('of files of a purpose that no file here has is empty', async () => {
    const answer = await gateway.call('/v1/files?purpose=assistants');
    expect(await answer.json()).toMatchObject({ object: 'list', data: [], has_more: false });
  });

  it('of what a job has told may be as long as the story', async () => {
    const { id: training_file } = await uploaded(rows(10));
    const made = await gateway.post('/v1/fine_tuning/jobs', { model: 'tiny', training_file });
    const { id } = (await made.json()) as { id: string };
    const answer = await gateway.call(`/v1/fine_tuning/jobs/${id}/events?limit=1000`);
    expect(answer.status).toBe(200);
  });
});

describe('an error', () => {
  it('has the envelope wherever it comes from', async () => {
    await errorOf(await gateway.call('/v1/nothing'), 404);
    await errorOf(await gateway.call('/v1/models/%E0%A4%A'), 400);
    await errorOf(await gateway.call('/v1/models', { key: 'wrong' }), 401);
    await errorOf(await gateway.post('/v1/fine_tuning/jobs', '{"model": '), 400);
    await errorOf(await gateway.post('/v1/fine_tuning/jobs', 'a=1', 'application/x-www-form-urlencoded'), 415);
    const large = JSON.stringify({ metadata: { text: 'x'.repeat(10_000_000) } });
    await errorOf(await gateway.post('/v1/fine_tuning/jobs', large), 413);
  });
});

describe('an upload in parts', () => {
  const part = async (id: string, content: string): Promise<string> => {
    const form = new FormData();
    form.set('data', new Blob([content]));
    const answer = await gateway.call(`/v1/uploads/${id}/parts`, { method: 'POST', body: form });
    expect(answer.status).toBe(200);
    return ((await answer.json()) as { id: string }).id;
  };
  const begin = async (bytes: number): Promise<string> => {
    const wish = { bytes, filename: 'big.jsonl', mime_type: 'application/jsonl', purpose: 'fine-tune' };
    return ((await (await gateway.post('/v1/uploads', wish)).json()) as { id: string }).id;
  };

  it('becomes one file, also when it is completed twice at once', async () => {
    const text = rows(40);
    const id = await begin(text.length);
    const part_ids = [await part(id, text.slice(0, 1000)), await part(id, text.slice(1000))];
    const complete = (): Promise<Response> => gateway.post(`/v1/uploads/${id}/complete`, { part_ids });
    const answers = await Promise.all([complete(), complete()]);
    const files = await Promise.all(
      answers.map(async (answer) => ((await answer.json()) as { file: { id: string } }).file.id),
    );
    expect(new Set(files).size).toBe(1);
    expect(await (await gateway.call(`/v1/files/${files[0]}/content`)).text()).toBe(text);
  });

  it('is completed also when its file is gone', async () => {
    const text = rows(12);
    const id = await begin(text.length);
    const part_ids = [await part(id, text)];
    const complete = async (): Promise<unknown> =>
      (await gateway.post(`/v1/uploads/${id}/complete`, { part_ids })).json();
    const { file } = (await complete()) as { file: { id: string } };
    await gateway.call(`/v1/files/${file.id}`, { method: 'DELETE' });
    expect(await complete()).toMatchObject({ status: 'completed', file: null });
  });

  it('has a file that lasts as long as was asked for', async () => {
    const text = rows(12);
    const wish = { bytes: text.length, filename: 'a.jsonl', mime_type: 'application/jsonl', purpose: 'fine-tune' };
    const lifetime = { expires_after: { anchor: 'created_at', seconds: 7200 } };
    const { id } = (await (await gateway.post('/v1/uploads', { ...wish, ...lifetime })).json()) as { id: string };
    const answer = await gateway.post(`/v1/uploads/${id}/complete`, { part_ids: [await part(id, text)] });
    const { file } = (await answer.json()) as { file: { created_at: number; expires_at: number } };
    expect(Math.abs(file.expires_at - file.created_at - 7200)).toBeLessThanOrEqual(1);
  });

  it('with more bytes than announced is refused by the parts, and not as a file that is too large', async () => {
    const id = await begin(10);
    const part_ids = [await part(id, 'x'.repeat(100))];
    expect(await errorOf(await gateway.post(`/v1/uploads/${id}/complete`, { part_ids }), 400)).toMatchObject({
      param: 'part_ids',
      message: expect.stringContaining('100 bytes together, and 10') as string,
    });
  });

  it('of another size than announced, and one that was cancelled, cannot be completed', async () => {
    const id = await begin(10);
    const part_ids = [await part(id, 'short')];
    expect(await errorOf(await gateway.post(`/v1/uploads/${id}/complete`, { part_ids }), 400)).toMatchObject({
      param: 'part_ids',
    });
    expect((await gateway.post(`/v1/uploads/${id}/cancel`)).status).toBe(200);
    await errorOf(await gateway.post(`/v1/uploads/${id}/complete`, { part_ids }), 409);
  });
});
