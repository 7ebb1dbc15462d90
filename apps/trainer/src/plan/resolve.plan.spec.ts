import { Failure, parseRunSpec, type RunSpecInput } from '@anneal/contracts';
import { describe, expect, it } from 'vitest';
import { resolvePlan, type PlanInput } from './resolve.plan.js';

type Training = RunSpecInput['training'];

function input(training: Training, rest: Partial<Omit<PlanInput, 'training'>> = {}): PlanInput {
  const parsed = parseRunSpec({ model: { base: 'acme/small' }, dataset: { source: 'acme/rows' }, training });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return { training: parsed.spec.training, rows: 400, longestRow: 375, maxPositions: 8192, gpus: 0, ...rest };
}

function refused(training: Training, rest: Partial<Omit<PlanInput, 'training'>> = {}): Failure {
  try {
    resolvePlan(input(training, rest));
  } catch (error) {
    if (error instanceof Failure) return error;
  }
  throw new Error('was not refused');
}

describe('resolvePlan', () => {
  it('makes a whole plan of nothing but a method', () => {
    expect(resolvePlan(input({ method: 'lora' }))).toEqual({
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
    });
  });

  it('trains all weights with a smaller learning rate and no adapter', () => {
    const plan = resolvePlan(input({ method: 'full' }, { gpus: 1 }));
    expect(plan).toMatchObject({ device: 'gpu', processes: 1, learningRate: 2e-5, precision: 'bfloat16' });
    expect(plan.lora).toBeUndefined();
  });

  it('shares a training on the CPU among the processes that there are, unless one is asked for', () => {
    const plan = resolvePlan(input({ method: 'lora', gradientAccumulation: 2 }, { cpuProcesses: 2 }));
    expect(plan).toMatchObject({ device: 'cpu', strategy: 'ddp', processes: 2, precision: 'float32' });
    expect(plan.effectiveBatch).toBe(plan.microBatch * 2 * 2);
    const alone = resolvePlan(input({ method: 'lora', strategy: 'single' }, { cpuProcesses: 2 }));
    expect(alone).toMatchObject({ strategy: 'single', processes: 1 });
    expect(resolvePlan(input({ method: 'lora' }, { cpuProcesses: 2, gpus: 1 }))).toMatchObject({
      device: 'gpu',
      processes: 1,
    });
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
    expect(resolvePlan(input({ method: 'lora', ...asked }))).toMatchObject({
      ...same,
      steps: maxSteps,
      effectiveBatch: 15,
    });
  });

  it('counts the steps that all epochs take, the last and smaller batch included', () => {
    const plan = resolvePlan(
      input({ method: 'lora', microBatch: 4, gradientAccumulation: 2, epochs: 3 }, { rows: 401 }),
    );
    expect(plan.steps).toBe(51 * 3);
  });

  it('starts one process for each GPU and keeps the effective batch', () => {
    expect(resolvePlan(input({ method: 'qlora' }, { gpus: 4, rows: 50_000 }))).toMatchObject({
      strategy: 'ddp',
      processes: 4,
      microBatch: 4,
      gradientAccumulation: 1,
      effectiveBatch: 16,
    });
  });

  it('accumulates when long rows leave no room for a larger micro batch', () => {
    const plan = resolvePlan(input({ method: 'lora' }, { longestRow: 6000, rows: 5000 }));
    expect(plan).toMatchObject({ sequenceLength: 2048, microBatch: 1, gradientAccumulation: 16 });
  });

  it('never exceeds the positions of the model', () => {
    expect(resolvePlan(input({ method: 'lora' }, { longestRow: 9000, maxPositions: 1024 })).sequenceLength).toBe(1024);
    expect(refused({ method: 'lora', sequenceLength: 1025 }, { maxPositions: 1024 }).field).toBe(
      'training.sequenceLength',
    );
  });

  it('says the warm-up that Axolotl really does', () => {
    expect(resolvePlan(input({ method: 'lora', warmupSteps: 1 })).warmupSteps).toBe(2);
    expect(resolvePlan(input({ method: 'lora', scheduler: 'constant' }))).toMatchObject({
      scheduler: 'constant',
      warmupSteps: 0,
    });
    expect(resolvePlan(input({ method: 'lora', scheduler: 'constant', warmupSteps: 4 })).scheduler).toBe(
      'constant_with_warmup',
    );
  });

  it.each<[Training, number, string]>([
    [{ method: 'lora', strategy: 'fsdp' }, 4, 'training.strategy'],
    [{ method: 'lora', strategy: 'deepspeed' }, 4, 'training.strategy'],
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
});
