import { Failure, type FailureCode } from '@anneal/contracts';
import { GenerationEnded } from '@anneal/evaluation';
import { expect, it } from 'vitest';
import { toEvaluatorFailure } from './evaluator.failure.js';

const exit = (code: number | null, signal: string | null = null) => ({ code, signal, endedAt: '2026-01-01T00:00:00Z' });

it.each<[string, GenerationEnded, FailureCode]>([
  [
    'a model that cannot be loaded',
    new GenerationEnded(exit(3), 'x\nThere is no model at /m: no config.json.\n', 3),
    'MODEL_INVALID',
  ],
  [
    'too little memory on the GPU',
    new GenerationEnded(exit(1), 'torch.OutOfMemoryError: CUDA out of memory.', 1),
    'GPU_OUT_OF_MEMORY',
  ],
  [
    'too little memory on the host',
    new GenerationEnded(exit(1), "DefaultCPUAllocator: can't allocate memory", 1),
    'HOST_OUT_OF_MEMORY',
  ],
  ['a full disk', new GenerationEnded(exit(1), 'OSError: [Errno 28] No space left on device', 1), 'DISK_FULL'],
  [
    'an incomplete environment',
    new GenerationEnded(exit(1), "ModuleNotFoundError: No module named 'torch'", 1),
    'ENGINE_MISSING',
  ],
  ['no interpreter', new GenerationEnded(exit(127), '', 1), 'ENGINE_MISSING'],
  ['a kill', new GenerationEnded(exit(null, 'SIGKILL'), '', 1), 'KILLED'],
  ['a lost process', new GenerationEnded({ ...exit(null), lost: true }, '', 1), 'KILLED'],
  ['anything else', new GenerationEnded(exit(1), 'KeyError: 1', 1), 'ENGINE_BUG'],
  ['an early end', new GenerationEnded(exit(0), '', 1), 'ENGINE_BUG'],
])('%s', (_, error, code) => {
  expect(toEvaluatorFailure(error)).toMatchObject({ code, cause: error });
});

it('says what the engine says about a model', () => {
  const error = new GenerationEnded(exit(3), 'warning\nThere is no model at /m: no config.json.\n', 3);
  expect(toEvaluatorFailure(error).message).toBe('There is no model at /m: no config.json.');
});

it('leaves failures as they are, and retries what it does not know', () => {
  const failure = new Failure('BENCHMARK_INVALID', 'x', { remedy: 'y' });
  expect(toEvaluatorFailure(failure)).toBe(failure);
  expect(toEvaluatorFailure(Object.assign(new Error('full'), { code: 'ENOSPC' }))).toMatchObject({ code: 'DISK_FULL' });
  expect(toEvaluatorFailure('odd')).toMatchObject({ code: 'INTERNAL', retryable: true });
});
