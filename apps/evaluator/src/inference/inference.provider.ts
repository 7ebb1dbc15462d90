import { detectGpus } from '@anneal/compute';
import { Failure } from '@anneal/contracts';
import { BatchInference, INFERENCE, ServerInference, VllmInference, type Inference } from '@anneal/evaluation';
import type { Provider } from '@nestjs/common';
import type { EvaluatorConfig } from '../evaluator.config.js';

/** The configured form: the server if one is named, vLLM if it is here, else a batch generation on this machine. */
export function inferenceProvider(config: EvaluatorConfig): Provider {
  return { provide: INFERENCE, useFactory: () => inferenceOf(config) };
}

async function inferenceOf(config: EvaluatorConfig): Promise<Inference> {
  const { INFERENCE_URL: url, BATCH: batch, THREADS: threads, WORK_DIR: workDir, ENGINE_PYTHON: python } = config;
  const { LEASE_SECONDS: leaseSeconds, CONCURRENCY: concurrency, VLLM_PYTHON: vllm } = config;
  const asking = { concurrency, answerMs: config.ANSWER_SECONDS * 1000 };
  if (url !== undefined) return new ServerInference({ url, key: config.INFERENCE_KEY, ...asking });
  const [gpu] = config.DEVICE === 'auto' ? await detectGpus() : [];
  const here = { workDir, threads, leaseSeconds };
  if (vllm === undefined) {
    return new BatchInference({ engine: { python }, device: gpu?.index ?? 'cpu', batch, ...here });
  }
  if (gpu) return new VllmInference({ engine: { python: vllm }, gpu: gpu.index, ...here, ...asking });
  throw new Failure('CONFIG_INVALID', 'VLLM_PYTHON is set, and this service has no GPU.', {
    remedy: 'Leave VLLM_PYTHON out to generate on the CPU, or check nvidia-smi and DEVICE.',
  });
}
