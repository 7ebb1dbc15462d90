import { BadRequestError, ConflictError, NotFoundError, type OpenAI } from 'openai';
import { beforeAll, describe, expect, it } from 'vitest';
import { baseModels } from './base-models.js';
import { connect } from './client.js';
import { refusalOf } from './refusal.js';
import { conversation, goodPairs, uploadRows } from './training-file.js';
import {
  endless,
  jobRequest,
  jobWhen,
  middling,
  startJob,
  supervised,
  trainedJob,
  type Asked,
} from './training-job.js';

type Job = OpenAI.FineTuning.FineTuningJob;

const client = connect();
const { jobs } = client.fineTuning;

/** Present in every job, even when there is nothing to say. */
const requiredKeys = [
  'id',
  'object',
  'created_at',
  'error',
  'fine_tuned_model',
  'finished_at',
  'hyperparameters',
  'model',
  'organization_id',
  'result_files',
  'seed',
  'status',
  'trained_tokens',
  'training_file',
  'validation_file',
];

async function all<Item>(list: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of list) items.push(item);
  return items;
}

/** Starts a job, looks at it and stops it. */
async function glimpse(change: Partial<Asked>): Promise<Job> {
  const job = await startJob(client, { method: endless, ...change });
  await jobs.cancel(job.id);
  return job;
}

describe('a job that ends well', () => {
  let created: Job;
  let job: Job & { fine_tuned_model: string };
  beforeAll(async () => {
    const asked = {
      method: middling,
      suffix: 'conformance',
      seed: 7,
      metadata: { team: 'math' },
      anneal: { training: { checkpointEvery: 20 } },
    };
    created = await startJob(client, asked);
    await jobWhen(client, created.id, 'succeeded');
    job = (await jobs.retrieve(created.id)) as typeof job;
  });

  it('says what was asked for as soon as it is created', () => {
    expect(created).toMatchObject({
      id: expect.stringMatching(/^ftjob-/) as string,
      object: 'fine_tuning.job',
      model: baseModels.plain,
      seed: 7,
      metadata: { team: 'math' },
      hyperparameters: { n_epochs: 8, batch_size: 1, learning_rate_multiplier: 1 },
      method: middling,
      validation_file: null,
      error: null,
      fine_tuned_model: null,
      finished_at: null,
      result_files: [],
    });
    expect(Object.keys(created)).toEqual(expect.arrayContaining(requiredKeys));
    expect(['validating_files', 'queued', 'running']).toContain(created.status);
    expect(Math.abs(created.created_at - Date.now() / 1000)).toBeLessThan(120);
  });

  it('has its model and the time of its end', () => {
    expect(job.fine_tuned_model).toBe(`ft:tiny:default:conformance:${job.id.slice('ftjob-'.length)}`);
    expect(job.finished_at).toBeGreaterThanOrEqual(job.created_at);
    expect(Number.isInteger(job.finished_at)).toBe(true);
    expect(Object.keys(job)).toEqual(expect.arrayContaining(requiredKeys));
  });

  it('has its losses in a file of results', async () => {
    expect(job.result_files).not.toEqual([]);
    for (const id of job.result_files) {
      expect(await client.files.retrieve(id)).toMatchObject({ object: 'file', purpose: 'fine-tune-results' });
      const [header, ...lines] = (await (await client.files.content(id)).text()).trim().split('\n');
      expect(header).toBe('step,train_loss,learning_rate');
      const numbers = lines.map((line) => line.split(',').map(Number));
      expect(numbers.length).toBeGreaterThan(0);
      for (const line of numbers) expect(line.map(Number.isFinite)).toEqual([true, true, true]);
    }
  });

  it('has told its story, newest first', async () => {
    const events = await all(jobs.listEvents(job.id, { limit: 3 }));
    expect(events.length).toBeGreaterThan(3);
    expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
    const times = events.map(({ created_at }) => created_at);
    expect(times).toEqual(times.toSorted((a, b) => b - a));
    for (const event of events) {
      expect(event).toMatchObject({
        id: expect.stringMatching(/^ftevent-/) as string,
        object: 'fine_tuning.job.event',
      });
      expect(['info', 'warn', 'error']).toContain(event.level);
      expect(event.message).not.toBe('');
    }
    const metrics = events.filter(({ type }) => type === 'metrics').map(({ data }) => data);
    expect(metrics).toContainEqual(
      expect.objectContaining({ step: expect.any(Number) as number, train_loss: expect.any(Number) as number }),
    );
  });

  it('has checkpoints, each with a model name of its own', async () => {
    const checkpoints = await all(jobs.checkpoints.list(job.id, { limit: 1 }));
    expect(checkpoints).not.toEqual([]);
    for (const { step_number, ...checkpoint } of checkpoints) {
      expect(checkpoint).toMatchObject({
        id: expect.stringMatching(/^ftckpt-/) as string,
        object: 'fine_tuning.job.checkpoint',
        fine_tuning_job_id: job.id,
        fine_tuned_model_checkpoint: `${job.fine_tuned_model}:ckpt-step-${step_number}`,
        metrics: { step: step_number, train_loss: expect.any(Number) as number },
      });
    }
    const page: unknown = await (await jobs.checkpoints.list(job.id).asResponse()).json();
    expect(page).toMatchObject({
      object: 'list',
      first_id: checkpoints[0]?.id,
      last_id: checkpoints.at(-1)?.id,
      has_more: false,
    });
  });

  it.each(['cancel', 'pause', 'resume'] as const)('has nothing left to %s', async (verb) => {
    expect(await refusalOf(jobs[verb](job.id))).toBeInstanceOf(ConflictError);
  });
});

describe('a job', () => {
  it('is paused and resumed', async () => {
    const { id } = await startJob(client, { method: middling });
    await jobWhen(client, id, 'running');
    expect((await jobs.pause(id)).id).toBe(id);
    await jobWhen(client, id, 'paused');
    expect((await jobs.resume(id)).id).toBe(id);
    const job = await jobWhen(client, id, 'succeeded');
    expect(job.fine_tuned_model).not.toBeNull();
  });

  it('is cancelled, once', async () => {
    const { id } = await startJob(client, { method: endless });
    expect(await refusalOf(jobs.resume(id))).toBeInstanceOf(ConflictError);
    expect((await jobs.cancel(id)).id).toBe(id);
    const job = await jobWhen(client, id, 'cancelled');
    expect(job.fine_tuned_model).toBeNull();
    expect(job.finished_at).toBeGreaterThanOrEqual(job.created_at);
    expect(await refusalOf(jobs.cancel(id))).toBeInstanceOf(ConflictError);
  });

  it('that fails says why', async () => {
    const { id } = await startJob(client, { model: baseModels.missing });
    const { error, fine_tuned_model } = await jobWhen(client, id, 'failed');
    expect(fine_tuned_model).toBeNull();
    expect(error?.code).not.toBe('');
    expect(error?.message).not.toBe('');
    expect(error).toHaveProperty('param');
  });

  it('starts from a model whose name has an owner', async () => {
    const job = await trainedJob(client, { model: baseModels.owned });
    expect(job.model).toBe(baseModels.owned);
    expect(job.fine_tuned_model).toMatch(/^ft:acme\/slash:default:/);
    expect((await client.models.retrieve(job.fine_tuned_model)).id).toBe(job.fine_tuned_model);
  });

  it('is evaluated on a validation file', async () => {
    const validation = await uploadRows(client, conversation('What is 1?', 'one') + conversation('What is 2?', 'two'));
    const job = await trainedJob(client, { validation_file: validation.id });
    expect(job.validation_file).toBe(validation.id);
  });

  it('publishes no model that is not better, when asked', async () => {
    const { id } = await startJob(client, { anneal: { publish: { when: 'improved' } } });
    // Whoever waits for "succeeded" goes on with the model, so a job without one has failed, and says why.
    const { fine_tuned_model, error } = await jobWhen(client, id, 'failed');
    expect({ fine_tuned_model, code: error?.code }).toEqual({ fine_tuned_model: null, code: 'model_withheld' });
  });

  it('is not found under an id that nobody gave', async () => {
    const calls = [jobs.retrieve('ftjob-x'), jobs.cancel('ftjob-x'), jobs.listEvents('ftjob-x')];
    for (const error of await Promise.all(calls.map((call) => refusalOf(call)))) {
      expect(error).toBeInstanceOf(NotFoundError);
      expect(error).toMatchObject({ code: 'fine_tune_not_found', param: 'fine_tuning_job_id' });
    }
  });
});

describe('a job that learns from preference pairs', () => {
  it('ends with a model, and with the rewards of both answers among its results', async () => {
    const { id: training_file } = await uploadRows(client, goodPairs);
    const hyperparameters = { beta: 0.2, batch_size: 4, learning_rate_multiplier: 'auto', n_epochs: 'auto' } as const;
    const job = await trainedJob(client, { training_file, method: { type: 'dpo', dpo: { hyperparameters } } });
    const settled = { ...hyperparameters, learning_rate_multiplier: 1, n_epochs: 1 };
    expect(job.method).toEqual({ type: 'dpo', dpo: { hyperparameters: settled } });
    expect((await client.models.retrieve(job.fine_tuned_model)).id).toBe(job.fine_tuned_model);
    const [header, ...lines] = (await (await client.files.content(job.result_files[0] ?? '')).text())
      .trim()
      .split('\n');
    expect(header).toBe('step,train_loss,learning_rate,reward_accuracy,reward_margin');
    expect(Number(lines.at(-1)?.split(',')[4])).toBeGreaterThan(0);
  });

  it('is refused a file of rows with one answer each, as the other kind is a file of pairs', async () => {
    const [{ id: answers }, { id: pairs }] = [await uploadRows(client), await uploadRows(client, goodPairs)];
    const refusals = [
      refusalOf(startJob(client, { training_file: answers, method: { type: 'dpo' } })),
      refusalOf(startJob(client, { training_file: pairs })),
    ];
    for (const error of await Promise.all(refusals)) {
      expect(error).toBeInstanceOf(BadRequestError);
      expect(error.param).toBe('training_file');
    }
  });
});

describe('hyperparameters', () => {
  it.each([
    ['are settled when they are left out', { type: 'supervised' as const }],
    [
      'are settled when they are "auto"',
      supervised({ n_epochs: 'auto', batch_size: 'auto', learning_rate_multiplier: 'auto' }),
    ],
  ])('%s', async (_, method) => {
    const { hyperparameters, method: settled } = await glimpse({ method });
    expect(hyperparameters).toEqual({
      n_epochs: expect.any(Number) as number,
      batch_size: expect.any(Number) as number,
      learning_rate_multiplier: expect.any(Number) as number,
    });
    expect(settled?.supervised?.hyperparameters).toEqual(hyperparameters);
  });

  it('are read where earlier callers put them', async () => {
    const { method: _, ...request } = await jobRequest(client);
    const job = await jobs.create({ ...request, hyperparameters: { n_epochs: 2, batch_size: 4 } });
    await jobs.cancel(job.id);
    expect(job.hyperparameters).toMatchObject({ n_epochs: 2, batch_size: 4 });
    expect(job.method).toMatchObject({ type: 'supervised', supervised: { hyperparameters: { n_epochs: 2 } } });
  });
});

describe('a request', () => {
  let file: string;
  beforeAll(async () => {
    file = (await uploadRows(client)).id;
  });

  const bounds = (name: string): string => `method.supervised.hyperparameters.${name}`;
  it.each<[string, object]>([
    ['model', { model: undefined }],
    ['model', { model: 'unknown' }],
    ['training_file', { training_file: 'file-unknown' }],
    ['validation_file', { validation_file: 'file-unknown' }],
    ['suffix', { suffix: 'x'.repeat(65) }],
    ['seed', { seed: -1 }],
    ['metadata', { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`key${n}`, 'value'])) }],
    ['training_file', { method: { type: 'dpo' } }],
    ['method.dpo.hyperparameters.beta', { method: { type: 'dpo', dpo: { hyperparameters: { beta: 2.5 } } } }],
    ['method.type', { method: { type: 'reinforcement' } }],
    [bounds('n_epochs'), { method: supervised({ n_epochs: 51 }) }],
    [bounds('batch_size'), { method: supervised({ batch_size: 0 }) }],
    ['hyperparameters.n_epochs', { method: undefined, hyperparameters: { n_epochs: 0 } }],
    ['learning_rte', { learning_rte: 1 }],
    ['anneal.training.epoch', { anneal: { training: { epoch: 3 } } }],
    ['anneal.model', { anneal: { model: { base: 'acme/other' } } }],
  ])('is refused with the name of the field: %s', async (param, change) => {
    const request = { ...(await jobRequest(client, { training_file: file })), ...change };
    const error = await refusalOf(jobs.create(request));
    expect(error).toBeInstanceOf(BadRequestError);
    expect(error).toMatchObject({ param, type: 'invalid_request_error' });
  });

  it('is refused when its training file has bad rows', async () => {
    const { id } = await uploadRows(client, 'no JSON\n');
    const error = await refusalOf(startJob(client, { training_file: id }));
    expect(error).toBeInstanceOf(BadRequestError);
    expect(error.param).toBe('training_file');
  });

  it('is taken as soon as its training file is here', async () => {
    const { id } = await client.files.create({
      file: new File([conversation('q', 'a').repeat(50_000)], 'large.jsonl'),
      purpose: 'fine-tune',
    });
    const job = await startJob(client, { training_file: id, method: endless });
    expect(job.training_file).toBe(id);
    await jobs.cancel(job.id);
  });
});

describe('the list of jobs', () => {
  const mine = { list: `conformance-${Date.now()}` };
  const ids: string[] = [];
  beforeAll(async () => {
    const training_file = (await uploadRows(client)).id;
    for (const turn of ['1', '2', '3']) ids.push((await glimpse({ training_file, metadata: { ...mine, turn } })).id);
  });

  it('is iterated over its pages, newest first', async () => {
    const seen = (await all(jobs.list({ limit: 2 }))).map(({ id }) => id);
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.slice(0, 3)).toEqual(ids.toReversed());
  });

  it('has jobs with certain metadata only, when asked', async () => {
    expect((await all(jobs.list({ limit: 2, metadata: mine }))).map(({ id }) => id)).toEqual(ids.toReversed());
    expect((await all(jobs.list({ metadata: { ...mine, turn: '2' } }))).map(({ id }) => id)).toEqual([ids[1]]);
    expect(await all(jobs.list({ metadata: { ...mine, turn: '4' } }))).toEqual([]);
  });

  it('has jobs without metadata only, when asked', async () => {
    const bare = await glimpse({});
    const found = await all(jobs.list({ metadata: null }));
    expect(found.map(({ id }) => id)).toContain(bare.id);
    expect(found.filter(({ metadata }) => Object.keys(metadata ?? {}).length > 0)).toEqual([]);
  });
});
