import { Failure, parseRunSpec, type RunSpecInput, type TrainingPlan } from '@anneal/contracts';
import { describe, expect, it } from 'vitest';
import { parseHosts } from '../hosts.js';
import { configs } from '../model/configs.fixture.js';
import { readModelConfig } from '../model/model.config.js';
import { modelShape, type ModelShape } from '../model/model.shape.js';
import { resolvePlan } from './resolve.plan.js';

type Training = RunSpecInput['training'];
interface Given {
  readonly rows?: number;
  readonly longestRow?: number;
  readonly maxPositions?: number;
  readonly gpus?: number;
  readonly memory?: number;
  readonly model?: ModelShape;
  readonly cpuProcesses?: number;
  isCut?: boolean;
}

function plan(training: Training, given: Given = {}): TrainingPlan {
  const {
    rows = 400,
    longestRow = 375,
    maxPositions = 8192,
    gpus = 0,
    memory = 48,
    model,
    cpuProcesses = 1,
    isCut = false,
  } = given;
  const parsed = parseRunSpec({ model: { base: 'acme/small' }, dataset: { source: 'acme/rows' }, training });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return resolvePlan({
    training: parsed.spec.training,
    rows,
    isCut,
    characters: { total: (rows * longestRow) / 2, longest: longestRow },
    maxPositions,
    hosts: parseHosts(gpus === 0 ? 'cpu' : `${gpus}x${memory}GB`, 32e9),
    model,
    cpuProcesses,
  }).plan;
}

const shape = (name: keyof typeof configs): ModelShape => modelShape(readModelConfig(configs[name], name));

function refused(training: Training, given: Given = {}): Failure {
  try {
    plan(training, given);
  } catch (error) {
    if (error instanceof Failure) return error;
  }
  throw new Error('was not refused');
}

describe('resolvePlan', () => {
  it('makes a whole plan of nothing but a method', () => {
    expect(plan({ method: 'lora' })).toEqual({
      method: 'lora',
      strategy: 'single',
      device: 'cpu',
      processes: 1,
      steps: 100,
      epochs: 1,
      microBatch: 4,
      gradientAccumulation: 1,
      effectiveBatch: 4,
      sequenceLength: 512,
      learningRate: 2e-4,
      scheduler: 'cosine',
      warmupSteps: 3,
      checkpointEvery: 20,
      precision: 'float32',
      lora: { rank: 16, alpha: 32, dropout: 0 },
      seed: 42,
      optimizer: 'adamw',
      gradientCheckpointing: false,
      samplePacking: false,
    });
  });

  it('trains all weights with a smaller learning rate and no adapter', () => {
    const made = plan({ method: 'full' }, { gpus: 1 });
    expect(made).toMatchObject({ device: 'gpu', processes: 1, learningRate: 2e-5, precision: 'bfloat16' });
    expect(made.lora).toBeUndefined();
  });

  it('takes what was asked for as it is', () => {
    const asked = {
      epochs: 2.5,
      maxSteps: 40,
      learningRate: 0.001,
      scheduler: 'linear',
      warmupSteps: 7,
      microBatch: 3,
      gradientAccumulation: 5,
      sequenceLength: 200,
      checkpointEvery: 9,
      seed: 7,
    } as const;
    const { maxSteps, ...same } = asked;
    expect(plan({ method: 'lora', ...asked })).toMatchObject({
      ...same,
      steps: maxSteps,
      effectiveBatch: 15,
    });
  });

  it('of preference pairs is gentler, and takes half as many of them at once', () => {
    expect(plan({ method: 'lora', objective: 'dpo' })).toMatchObject({ dpo: { beta: 0.1 }, learningRate: 5e-6 });
    expect(plan({ method: 'full', objective: 'dpo', dpo: { beta: 0.4 } })).toMatchObject({
      ...{ dpo: { beta: 0.4 }, learningRate: 5e-7 },
    });
    expect(plan({ method: 'lora' })).not.toHaveProperty('dpo');
    const [answers, pairs] = (['sft', 'dpo'] as const).map((objective) =>
      plan({ method: 'lora', objective }, { longestRow: 1000, rows: 5000 }),
    );
    expect(pairs?.microBatch).toBe((answers?.microBatch ?? 0) / 2);
    expect(pairs?.effectiveBatch).toBe(answers?.effectiveBatch);
  });

  it('of preference pairs with four-bit weights is never shared by FSDP', () => {
    expect(plan({ method: 'qlora', objective: 'dpo' }, { gpus: 3 }).strategy).toBe('ddp');
    expect(refused({ method: 'qlora', objective: 'dpo', strategy: 'fsdp' }, { gpus: 3 })).toMatchObject({
      field: 'training.strategy',
      message: expect.stringContaining('from pairs with strategy fsdp') as string,
    });
  });

  it('counts the steps that all epochs take, the last and smaller batch included', () => {
    const made = plan({ method: 'lora', microBatch: 4, gradientAccumulation: 2, epochs: 3 }, { rows: 401 });
    expect(made.steps).toBe(51 * 3);
  });

  it('starts one process for each GPU and keeps the effective batch', () => {
    expect(plan({ method: 'qlora' }, { gpus: 4, rows: 50_000 })).toMatchObject({
      strategy: 'ddp',
      processes: 4,
      microBatch: 4,
      gradientAccumulation: 1,
      effectiveBatch: 16,
    });
  });

  it('accumulates when long rows leave no room for a larger micro batch', () => {
    const made = plan({ method: 'lora' }, { longestRow: 6000, rows: 5000 });
    expect(made).toMatchObject({ sequenceLength: 2048, microBatch: 1, gradientAccumulation: 16 });
  });

  it('never exceeds the positions of the model', () => {
    expect(plan({ method: 'lora' }, { longestRow: 9000, maxPositions: 1024 }).sequenceLength).toBe(1024);
    expect(refused({ method: 'lora', sequenceLength: 1025 }, { maxPositions: 1024 }).field).toBe(
      'training.sequenceLength',
    );
  });

  it('says the warm-up that Axolotl really does', () => {
    expect(plan({ method: 'lora', warmupSteps: 1 }).warmupSteps).toBe(2);
    expect(plan({ method: 'lora', scheduler: 'constant' })).toMatchObject({
      scheduler: 'constant',
      warmupSteps: 0,
    });
    expect(plan({ method: 'lora', scheduler: 'constant', warmupSteps: 4 }).scheduler).toBe('constant_with_warmup');
  });

  it.each<[Training, number, string]>([
    [{ method: 'lora', strategy: 'fsdp' }, 1, 'training.strategy'],
    [{ method: 'lora', strategy: 'deepspeed' }, 0, 'training.strategy'],
    [{ method: 'qlora', strategy: 'zero3' }, 4, 'training.method'],
    [{ method: 'lora', optimizer: 'adamw_8bit' }, 0, 'training.optimizer'],
    [{ method: 'qlora', strategy: 'fsdp', axolotl: { peft_use_dora: true } }, 2, 'training.axolotl.peft_use_dora'],
    [{ method: 'lora', strategy: 'ddp' }, 1, 'training.strategy'],
    [{ method: 'lora', strategy: 'single', gpus: 2 }, 4, 'training.gpus'],
    [{ method: 'lora', gpus: 2 }, 1, 'training.gpus'],
    [{ method: 'qlora' }, 0, 'training.method'],
    [{ method: 'qlora', gpus: 0 }, 1, 'training.method'],
    [{ method: 'full', lora: { rank: 4 } }, 0, 'training.lora'],
  ])('refuses %j on %i GPUs and names the field', (training, gpus, field) => {
    const failure = refused(training, { gpus });
    expect(failure).toMatchObject({ code: 'SPEC_UNSUPPORTED', retryable: false, field });
    expect(failure.remedy).not.toBe('');
  });

  it('leaves the layers of a model that it does not know to Transformers', () => {
    const model = modelShape(readModelConfig({ ...configs['Llama-3.1-8B'], model_type: 'novel' }, 'novel'));
    const made = plan({ method: 'lora', strategy: 'fsdp' }, { gpus: 4, model });
    expect(made).not.toHaveProperty('wrapClass');
    expect(made.warnings?.join(' ')).toMatch(/not in the table of families/);
  });

  it('refuses a training without a step', () => {
    expect(refused({ method: 'lora' }, { rows: 0 })).toMatchObject({ code: 'SPEC_UNSUPPORTED', field: 'dataset' });
  });
});

describe('a host that trains on its CPU in several processes', () => {
  it('shares the rows among them, unless a single one is asked for', () => {
    const shared = plan({ method: 'lora', gradientAccumulation: 2 }, { cpuProcesses: 2 });
    expect(shared).toMatchObject({ device: 'cpu', strategy: 'ddp', processes: 2, precision: 'float32' });
    expect(shared.effectiveBatch).toBe(shared.microBatch * 2 * 2);
    const alone = plan({ method: 'lora', strategy: 'single' }, { cpuProcesses: 2 });
    expect(alone).toMatchObject({ strategy: 'single', processes: 1 });
    expect(plan({ method: 'lora' }, { cpuProcesses: 2, gpus: 1 })).toMatchObject({ device: 'gpu', processes: 1 });
  });
});

describe('auto', () => {
  const model = shape('Llama-3.1-8B');

  it('lets every GPU hold the whole model as long as that fits', () => {
    expect(plan({ method: 'lora' }, { gpus: 2, memory: 48, model })).toMatchObject({ strategy: 'ddp' });
  });

  it('shards a model that does not fit on one GPU, by the layers of its family', () => {
    expect(plan({ method: 'full' }, { gpus: 4, memory: 48, model })).toMatchObject({
      strategy: 'fsdp',
      wrapClass: 'LlamaDecoderLayer',
      family: 'Llama 3',
    });
  });

  it('takes a smaller micro batch and keeps the effective one', () => {
    const roomy = plan({ method: 'lora' }, { gpus: 1, memory: 80, model, rows: 5000, longestRow: 1500 });
    const tight = plan({ method: 'lora' }, { gpus: 1, memory: 24, model, rows: 5000, longestRow: 1500 });
    expect(tight.microBatch).toBeLessThan(roomy.microBatch);
    expect(tight.effectiveBatch).toBe(roomy.effectiveBatch);
  });
});

describe('what may be asked for', () => {
  it.each([
    ['deepspeed', 2],
    ['zero1', 1],
    ['zero3', 3],
  ] as const)('%s is stage %i of DeepSpeed', (strategy, zeroStage) => {
    expect(plan({ method: 'full', strategy }, { gpus: 2 })).toMatchObject({ strategy: 'deepspeed', zeroStage });
  });

  it('packing takes fewer steps', () => {
    const packing = plan({ method: 'lora', samplePacking: true, microBatch: 1 });
    expect(packing.steps).toBeLessThan(plan({ method: 'lora', microBatch: 1 }).steps / 2);
  });

  it('steps are estimated where rows are cut, unless the request says how many', () => {
    expect(plan({ method: 'lora' }, { isCut: true })).toMatchObject({ stepsEstimated: true });
    expect(plan({ method: 'lora', maxSteps: 7 }, { isCut: true })).not.toHaveProperty('stepsEstimated');
  });

  it('early stopping keeps its rows from training', () => {
    const earlyStopping = { share: 0.5 };
    expect(plan({ method: 'lora', earlyStopping })).toMatchObject({
      steps: 50,
      earlyStopping: { patience: 3, share: 0.5 },
    });
  });
});
