import { Failure, failureCodes, type TrainingPlan } from '@anneal/contracts';
import type { TrainFailureCode } from '@anneal/engine';
import { describe, expect, it } from 'vitest';
import { toTrainerFailure, trainingFailure } from './trainer.failure.js';

const plan = { microBatch: 4, sequenceLength: 512, learningRate: 0.1 } as TrainingPlan;
const codes: TrainFailureCode[] = [
  'GPU_OUT_OF_MEMORY',
  'HOST_OUT_OF_MEMORY',
  'LOSS_NOT_FINITE',
  'NCCL_TIMEOUT',
  'BAD_CONFIG',
  'BAD_DATA',
  'MODEL_NOT_FOUND',
  'MODEL_GATED',
  'DISK_FULL',
  'KILLED',
  'ENGINE_BUG',
];

describe('trainingFailure', () => {
  it.each(codes)('says what to do about %s', (code) => {
    const failure = trainingFailure(code, 'ValueError: it does not fit.', plan);
    expect(failure).toMatchObject({ code, retryable: failureCodes[code].retryable });
    expect(failure.message).toMatch(/^[A-Z].*[^.]\.$/);
    expect(failure.remedy).toMatch(/\.$/);
  });

  it('names the length of a row that is too long, and the field that allows it', () => {
    const failure = trainingFailure(
      'ENGINE_BUG',
      'ValueError: Sequence encountered with 700 tokens, which exceeds the maximum 512.',
      plan,
    );
    expect(failure).toMatchObject({ code: 'BAD_DATA', field: 'training.sequenceLength' });
    expect(failure.message).toContain('700');
  });
});

describe('toTrainerFailure', () => {
  it('keeps a failure as it is', () => {
    const failure = new Failure('MODEL_GATED', 'x', { remedy: 'y' });
    expect(toTrainerFailure(failure)).toBe(failure);
  });

  it('knows a full disk', () => {
    expect(toTrainerFailure(Object.assign(new Error('write'), { code: 'ENOSPC' })).code).toBe('DISK_FULL');
  });

  it('lets anything unknown be tried again', () => {
    expect(toTrainerFailure(new Error('odd'))).toMatchObject({ code: 'INTERNAL', retryable: true });
  });
});
