import { detectGpus } from '@anneal/compute';
import { TaskAsking, type HarnessPlace } from '@anneal/evaluation';
import type { Provider } from '@nestjs/common';
import type { EvaluatorConfig } from '../evaluator.config.js';
import { harnessOf } from './harness.js';

/** Name under which Nest hands out what asks tasks of lm-eval; null where it is not installed. */
export const TASKS = Symbol('tasks');

export function tasksProvider(config: EvaluatorConfig): Provider {
  return { provide: TASKS, useFactory: () => taskAsking(config) };
}

async function taskAsking(config: EvaluatorConfig): Promise<TaskAsking | null> {
  const harness = harnessOf(config);
  if (!harness) return null;
  const { WORK_DIR: workDir, LEASE_SECONDS: leaseSeconds } = config;
  return new TaskAsking(harness, await placeOf(config), { workDir, leaseSeconds });
}

/** The same place where all other questions are answered. */
async function placeOf(config: EvaluatorConfig): Promise<HarnessPlace> {
  const {
    INFERENCE_URL: url,
    INFERENCE_KEY: key,
    CONCURRENCY: concurrency,
    VLLM_PYTHON: python,
    BATCH: batch,
  } = config;
  if (url !== undefined) return { form: 'server', url, key, concurrency };
  const [gpu] = config.DEVICE === 'auto' ? await detectGpus() : [];
  if (python === undefined || !gpu) return { form: 'batch', device: gpu?.index ?? 'cpu', batch };
  const { WORK_DIR: workDir, THREADS: threads, LEASE_SECONDS: leaseSeconds } = config;
  return { form: 'vllm', vllm: { engine: { python }, gpu: gpu.index, workDir, threads, leaseSeconds }, concurrency };
}
