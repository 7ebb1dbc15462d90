import { harnessConfigShape } from '@anneal/evaluation';
import { baseConfigShape, fileRootsShape, storeConfigShape, workConfigShape } from '@anneal/service';
import { z } from 'zod';

const list = z
  .string()
  .default('')
  .transform((names) =>
    names
      .split(',')
      .map((name) => name.trim())
      .filter(Boolean),
  );
const gibibytes = (fallback: number) => z.coerce.number().min(0).max(1_000_000).default(fallback);

export const datasetConfig = z.object({
  ...baseConfigShape,
  ...storeConfigShape,
  ...workConfigShape,
  ...fileRootsShape,
  ...harnessConfigShape,
  ENGINE_PYTHON: z
    .string()
    .min(1)
    .optional()
    .describe('Python of the engine, needed beside LM_EVAL_PACKAGES to look for questions of tasks of lm-eval.'),
  HF_ENDPOINT: z.url().default('https://huggingface.co').describe('Hub from which datasets are fetched.'),
  HF_TOKEN: z.string().min(1).optional().describe('Token for gated datasets of runs that refer to no other.'),
  HTTPS_TARGETS: list
    .prefault('public')
    .describe('What https: sources may lead to: public, HOST or HOST:PORT for one inside this network, any.'),
  DATA_BUCKETS: list.describe('Buckets at S3_ENDPOINT that s3: sources may name, separated by ",". None when empty.'),
  SOURCE_MAX_GIB: gibibytes(100).describe('The most that is fetched of one source.'),
  SOURCE_CACHE_GIB: gibibytes(50).describe('What was fetched is kept up to this size below WORK_DIR/sources.'),
});
export type DatasetConfig = z.infer<typeof datasetConfig>;
