import { detectGpus } from '@anneal/compute';
import { BatchInference, INFERENCE, ServerInference, type Inference } from '@anneal/evaluation';
import type { Provider } from '@nestjs/common';
import type { EvaluatorConfig } from '../evaluator.config.js';

/** The configured form: the server if one is named, else a batch generation on this machine. */
export function inferenceProvider(config: EvaluatorConfig): Provider {
  return {
    provide: INFERENCE,
    useFactory: async (): Promise<Inference> => {
      const { INFERENCE_URL: url, BATCH: batch, THREADS: threads, WORK_DIR: workDir, ENGINE_PYTHON: python } = config;
      const { LEASE_SECONDS: leaseSeconds } = config;
      if (url !== undefined) return new ServerInference({ url, concurrency: batch });
      const [gpu] = config.DEVICE === 'auto' ? await detectGpus() : [];
      return new BatchInference({
        engine: { python },
        workDir,
        device: gpu?.index ?? 'cpu',
        threads,
        batch,
        leaseSeconds,
      });
    },
  };
}
