import { availableParallelism } from 'node:os';
import { hostConfigShape } from '@anneal/devices';
import { harnessConfigShape } from '@anneal/evaluation';
import { adoptConfigShape, podConfigShape, workHost } from '@anneal/pods';
import { baseConfigShape, cacheConfigShape, fileRootsShape, storeConfigShape, workConfigShape } from '@anneal/service';
import { z } from 'zod';

export const evaluatorConfig = z.object({
  ...baseConfigShape,
  ...storeConfigShape,
  ...workConfigShape,
  ...cacheConfigShape,
  ...fileRootsShape,
  ...hostConfigShape,
  EVALUATION_HOST: workHost('measurements'),
  ...podConfigShape,
  ...adoptConfigShape,
  ENGINE_PYTHON: z.string().min(1).describe('Python of the environment that holds Axolotl.'),
  HF_ENDPOINT: z.url().default('https://huggingface.co').describe('Hub from which base models are fetched.'),
  HF_TOKEN: z.string().min(1).optional().describe('Token for gated models.'),
  SOURCE_CACHE_GIB: z.coerce
    .number()
    .min(0)
    .max(1_000_000)
    .default(50)
    .describe('Benchmarks of the Hub are kept below WORK_DIR/sources, with what else is there up to this size.'),
  ...harnessConfigShape,
  DEVICE: z.enum(['auto', 'cpu']).default('auto').describe('auto takes a GPU of the host, if there is one.'),
  THREADS: z.coerce
    .number()
    .int()
    .min(1)
    .default(availableParallelism())
    .describe('CPU threads of a generation; all cores when left out.'),
  BATCH: z.coerce.number().int().min(1).max(4096).default(8).describe('Prompts asked at once.'),
  CONCURRENCY: z.coerce
    .number()
    .int()
    .min(1)
    .max(4096)
    .default(64)
    .describe('Requests to a server at once, at most; the number follows what it keeps up with.'),
  ANSWER_SECONDS: z.coerce
    .number()
    .int()
    .min(1)
    .default(900)
    .describe('For one answer of a server; beyond it the question is asked once more.'),
  VLLM_PYTHON: z
    .string()
    .min(1)
    .optional()
    .describe('Python of an environment that holds vLLM: models are served with it on a GPU.'),
  INFERENCE_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Asks this server, up to /v1, instead of generating here. It has to load models by their folder.'),
  INFERENCE_KEY: z.string().min(1).optional().describe('Sent to INFERENCE_URL as a bearer token.'),
});
export type EvaluatorConfig = z.infer<typeof evaluatorConfig>;
