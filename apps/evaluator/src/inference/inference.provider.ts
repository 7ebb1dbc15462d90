import { ArtifactStore } from '@anneal/artifacts';
import { detectGpus } from '@anneal/compute';
import { Failure } from '@anneal/contracts';
import { BatchInference, INFERENCE, ServerInference, VllmInference, type Inference } from '@anneal/evaluation';
import { podProviders, Pods } from '@anneal/pods';
import type { Provider } from '@nestjs/common';
import type { EvaluatorConfig } from '../evaluator.config.js';
import { PodInference } from './pod.inference.js';

/**
 * The configured form: pods of a cluster, the server if one is named, vLLM if it is here, else a batch generation on this
 * machine.
 */
export function inferenceProviders(config: EvaluatorConfig): Provider[] {
  if (config.EVALUATION_HOST === 'local') return [{ provide: INFERENCE, useFactory: () => inferenceOf(config) }];
  const other = (['INFERENCE_URL', 'VLLM_PYTHON'] as const).find((name) => config[name] !== undefined);
  if (other !== undefined) {
    throw new Failure('CONFIG_INVALID', `EVALUATION_HOST is kubernetes, and ${other} is set, too.`, {
      remedy: `Leave ${other} out to generate in pods, or EVALUATION_HOST to use it.`,
    });
  }
  const kinds = ['measure-base', 'measure-tuned'];
  return [
    ...podProviders(config, { work: 'evaluation', chosenBy: 'EVALUATION_HOST', kinds }),
    {
      provide: INFERENCE,
      inject: [Pods, ArtifactStore],
      useFactory: (pods: Pods, store: ArtifactStore) => new PodInference(config, pods, store),
    },
  ];
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
