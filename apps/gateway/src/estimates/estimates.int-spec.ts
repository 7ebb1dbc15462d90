import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { estimate, TrainingCompleted, type Estimate } from '@anneal/contracts';
import { sampleEvents, startHub, type SmallHub } from '@anneal/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestGateway } from '../gateway.fixture.js';

// As Qwen2.5 has them, but smaller: 8 x 4 embeddings, tied, and one layer of known sizes.
const config = {
  model_type: 'qwen2',
  hidden_size: 4,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  intermediate_size: 8,
  vocab_size: 8,
  tie_word_embeddings: true,
  max_position_embeddings: 512,
};
const asked = { method: 'lora', hosts: '1x24GB' };

/** A safetensors file as far as anybody reads it here. */
function weights(shapes: Record<string, number[]>): Buffer {
  const tensors = Object.entries(shapes).map(([name, shape]) => [name, { dtype: 'BF16', shape, data_offsets: [0, 0] }]);
  const header = Buffer.from(JSON.stringify({ __metadata__: { format: 'pt' }, ...Object.fromEntries(tensors) }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, Buffer.alloc(64)]);
}

let hub: SmallHub;
let gateway: TestGateway;
beforeAll(async () => {
  hub = await startHub();
  gateway = await TestGateway.start({ settings: { HF_ENDPOINT: hub.url } });
}, 120_000);
afterAll(async () => {
  await gateway.stop();
  await hub.stop();
});

async function ask(body: object): Promise<Estimate> {
  const response = await gateway.post('/api/estimates', body);
  expect(response.status).toBe(200);
  return estimate.parse(await response.json());
}

async function refused(body: object): Promise<{ status: number; code: string; field?: string }> {
  const response = await gateway.post('/api/estimates', body);
  const { error } = (await response.json()) as { error: { code: string; field?: string } };
  return { status: response.status, ...error };
}

describe('an estimate of a model on the Hub', () => {
  it('counts the parameters in the headers of its weight files and fetches nothing else of them', async () => {
    hub.create('acme/small').commit('weights', {
      put: {
        'config.json': JSON.stringify(config),
        'model.safetensors.index.json': JSON.stringify({ weight_map: { a: 'one.safetensors', b: 'two.safetensors' } }),
        'one.safetensors': weights({ a: [8, 4] }),
        'two.safetensors': weights({ b: [4, 4], c: [3] }),
      },
    });
    expect(await ask({ ...asked, model: 'acme/small' })).toMatchObject({
      parameters: 51,
      parametersFrom: 'weights',
      fits: true,
    });
  });

  it('computes them from config.json where there are no safetensors', async () => {
    hub.create('acme/bare').commit('configuration', { put: { 'config.json': JSON.stringify(config) } });
    const made = await ask({ ...asked, model: 'acme/bare' });
    expect(made).toMatchObject({ parametersFrom: 'config', parameters: 196 });
  });

  it('says that there is no such model', async () => {
    const answer = await refused({ ...asked, model: 'acme/none' });
    expect(answer).toMatchObject({ status: 404, code: 'MODEL_NOT_FOUND', field: 'model' });
  });
});

describe('an estimate of a configuration', () => {
  it('asks nobody', async () => {
    const before = hub.requests.length;
    expect(await ask({ ...asked, config })).toMatchObject({ parameters: 196 });
    expect(hub.requests).toHaveLength(before);
  });

  it.each([
    [{ config, hosts: 'everything', method: 'lora' }, 'hosts'],
    [{ ...asked }, 'model'],
    [{ ...asked, model: 'file:/etc' }, 'model'],
    [{ ...asked, model: 'https://10.0.0.1/x' }, 'model'],
    [{ ...asked, config, gpus: 1 }, 'gpus'],
    [{ ...asked, config, objective: 'orpo' }, 'objective'],
    [{ ...asked, config: { model_type: 'qwen2' } }, 'model.base'],
    [{ ...asked, config, sequenceLength: 4096 }, 'training.sequenceLength'],
  ])('refuses %j and names the field', async (body, field) => {
    expect(await refused(body)).toMatchObject({ status: 400, field });
  });

  it('is corrected by what trainings of the family really took', async () => {
    const question = { config: { ...config, model_type: 'qwen3' }, method: 'qlora', hosts: '1x24GB' };
    const before = await ask(question);
    const measure = async (runId: string, estimate: object, peakBytesPerGpu: number): Promise<void> => {
      const { trained } = sampleEvents(runId);
      const { training } = trained;
      const kind = { device: 'gpu', method: 'qlora', strategy: 'single', family: 'Qwen 3' } as const;
      const plan = { ...training.plan, ...kind, estimate: { bytesPerGpu: 1e9, ...estimate } };
      await gateway.say(TrainingCompleted, { ...trained, training: { ...training, plan, peakBytesPerGpu } });
      await gateway.runWhen(runId, (run) => run.training !== undefined);
    };
    await measure('measured-one', {}, 1.5e9);
    // Its estimate was corrected already: without that it had been half.
    await measure('measured-two', { measuredRatio: 2, trainings: 1 }, 0.5e9);
    await measure('measured-wrongly', {}, 9e9);
    const after = await ask(question);
    expect([before.correction, after.correction]).toEqual([null, { ratio: 1.25, trainings: 2 }]);
    expect(after.perGpu.total / before.perGpu.total).toBeCloseTo(1.25, 3);
    const kind = { family: 'Qwen 3', method: 'qlora', objective: 'sft', strategy: 'single' };
    expect(await (await gateway.call('/api/measurements')).json()).toEqual({
      measurements: [{ ...kind, ratio: 1.25, trainings: 2 }],
    });
    expect((await ask({ ...question, method: 'lora' })).correction).toBeNull();
    // Learning from pairs is another kind of training.
    expect((await ask({ ...question, objective: 'dpo' })).correction).toBeNull();
  });
});

describe('a run at the door', () => {
  const gpu = (index: number, memoryMiB: number) => ({ index, name: 'Made-up GPU', memoryMiB });
  /** Llama's kind of model with so many layers, as its configuration says. */
  const write = async (name: string, layers: number): Promise<string> => {
    const folder = join(gateway.folder, name);
    await mkdir(folder, { recursive: true });
    const large = { hidden_size: 8192, intermediate_size: 28_672, num_attention_heads: 64, num_key_value_heads: 8 };
    const shape = { ...config, ...large, vocab_size: 128_256, num_hidden_layers: layers };
    await writeFile(join(folder, 'config.json'), JSON.stringify(shape));
    return `file:${folder}`;
  };
  const ask = (id: string, base: string, training: object) =>
    gateway.post('/api/runs', {
      ...{ id, model: { base }, dataset: { source: 'acme/rows' }, training: { method: 'full', ...training } },
    });

  it('is refused with the figures when it cannot fit on any host that is there', async () => {
    const base = await write('large', 80);
    // No trainer was heard of: nobody knows.
    expect((await ask('nobody-knows', base, {})).status).toBe(202);
    await gateway.register('small', [gpu(0, 8_192)]);
    await gateway.register('larger', [gpu(0, 24_576), gpu(1, 24_576)]);
    const refused = await ask('too-large', base, {});
    expect(refused.status).toBe(422);
    expect(await refused.json()).toMatchObject({
      error: { code: 'DOES_NOT_FIT', field: 'training', message: expect.stringMatching(/[\d.]+ GB|TB/) as string },
    });
    expect(await gateway.run('too-large')).toBeUndefined();
  });

  it('is refused too when its model is one that was tuned here, and when it comes in at the broker', async () => {
    const folder = (await write('published', 80)).replace('file:', '');
    await writeFile(join(folder, 'model-00001-of-00002.safetensors'), weights({ a: [8192, 8192], b: [1000, 8192] }));
    await writeFile(join(folder, 'model-00002-of-00002.safetensors'), weights({ c: [8192, 8192, 1000] }));
    const store = gateway.store;
    const artifact = await store.putDirectory('model', folder);
    await store.setTag({
      ...{ name: 'large', tag: 'latest', artifact, runId: 'earlier', details: {} },
      publishedAt: new Date().toISOString(),
    });
    const refused = await ask('tuned-here', 'registry:large', {});
    expect([refused.status, await refused.json()]).toMatchObject([422, { error: { code: 'DOES_NOT_FIT' } }]);
    const estimated = await gateway.post('/api/estimates', { ...asked, method: 'full', model: 'registry:large' });
    expect(await estimated.json()).toMatchObject({
      ...{ fits: false, parametersFrom: 'weights', parameters: 8192 * 8192 * 1001 + 8192 * 1000 },
    });

    const request = (id: string, training: object): void => {
      const [model, dataset] = [{ base: 'registry:large' }, { source: 'acme/rows' }];
      const spec = { id, model, dataset, training: { method: 'full', ...training } };
      gateway.broker.publish('anneal.train.requested', JSON.stringify(spec));
    };
    request('by-broker', {});
    const run = await gateway.runWhen('by-broker', ({ state }) => state === 'failed');
    expect(run.failure).toMatchObject({ code: 'DOES_NOT_FIT', remedy: expect.stringContaining('force') as string });
    expect(run.stages.find(({ stage }) => stage === 'trainer')).toMatchObject({ state: 'failed' });
    await expect.poll(() => gateway.namesOf('by-broker')).toContain('RunFailed');
    request('by-broker-and-force', { force: true });
    await gateway.runWhen('by-broker-and-force', ({ state }) => state === 'running');
  });

  it('is accepted by force, when it fits, when it is there already, and when its model is not known here', async () => {
    const base = await write('large', 80);
    expect((await ask('by-force', base, { force: true })).status).toBe(202);
    expect((await ask('nobody-knows', base, {})).status).toBe(200);
    expect((await ask('fits', await write('one-layer', 1), { method: 'lora' })).status).toBe(202);
    expect((await ask('unknown', 'acme/elsewhere', {})).status).toBe(202);
    expect((await ask('no-model', 'file:/nowhere', {})).status).toBe(202);
  });
});
