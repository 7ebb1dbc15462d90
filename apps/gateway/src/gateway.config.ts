import { baseConfigShape, fileRootsShape, storeConfigShape, workConfigShape } from '@anneal/service';
import { z } from 'zod';
import { readAliases } from './openai/models/alias.js';

export const gatewayConfig = z.object({
  ...baseConfigShape,
  ...storeConfigShape,
  ...workConfigShape,
  ...fileRootsShape,
  API_KEY: z
    .string()
    .min(16, 'must have at least 16 characters')
    .describe('The first key, of an administrator; callers send "Authorization: Bearer KEY".'),
  HF_ENDPOINT: z.url().default('https://huggingface.co').describe('Hub that is asked for the size of a model.'),
  GRPC_HOST: z.string().min(1).default('127.0.0.1').describe('Address of the API over gRPC.'),
  GRPC_PORT: z.coerce.number().int().min(0).max(65_535).default(0).describe('0 takes a free port.'),
  S3_PUBLIC_ENDPOINT: storeConfigShape.S3_ENDPOINT.optional().describe(
    'Address of the object store in the links that callers are given, where it is not S3_ENDPOINT.',
  ),
  REQUESTS_PER_SECOND: z.coerce.number().int().min(0).default(1000).describe('Of one API key; 0 sets no limit.'),
  CORS_ORIGINS: z
    .string()
    .default('')
    .transform((list) => list.split(',').filter(Boolean))
    .refine((origins) => origins.every((origin) => URL.canParse(origin) && new URL(origin).origin === origin), {
      error: 'must be origins such as https://tools.example.com, separated by commas',
    })
    .describe('Origins whose pages may call the API from a browser, separated by commas. None when empty.'),
  MODELS: z
    .string()
    .default('')
    .transform(readAliases)
    .describe('Models that a job of /v1 may start from: NAME=REFERENCE[@REVISION], separated by commas.'),
  LARGEST_FILE_BYTES: z.coerce
    .number()
    .int()
    .min(1)
    .default(8 * 1024 ** 3)
    .describe('Of an uploaded file.'),
  WEBHOOK_TARGETS: z
    .enum(['public', 'any'])
    .default('public')
    .describe('"public" delivers to https addresses of the internet only; "any" also to this network and this host.'),
});
export type GatewayConfig = z.infer<typeof gatewayConfig>;
