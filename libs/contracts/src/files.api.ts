import { z } from 'zod';
import { pageParameters, unixSeconds } from './openai.api.js';

export const filePurpose = z.enum(['fine-tune', 'fine-tune-results']);
export type FilePurpose = z.infer<typeof filePurpose>;

export const fileStatus = z.enum(['uploaded', 'processed', 'error']);

/** A name as callers may give it. It is only ever shown; the last part counts, as browsers of old sent whole paths. */
export const fileName = z
  .string()
  .transform((name) => name.split(/[/\\]/).at(-1) ?? '')
  .pipe(
    z
      .string()
      .min(1, 'a file needs a name')
      .max(255)
      .regex(/^[^\p{Cc}\p{Cs}]+$/u, 'a file name has no control characters')
      .refine((name) => name !== '.' && name !== '..', 'is no name of a file'),
  );

export const openaiFile = z
  .object({
    id: z.string(),
    object: z.literal('file'),
    bytes: z.int().min(0),
    created_at: unixSeconds,
    filename: z.string(),
    purpose: filePurpose,
    status: fileStatus,
    status_details: z.string().nullable().describe('Names the lines that cannot be trained on.'),
    expires_at: unixSeconds.optional(),
  })
  .meta({ id: 'File' });
export type OpenaiFile = z.infer<typeof openaiFile>;

const trainingPurpose = z.literal('fine-tune', 'only files with the purpose "fine-tune" are taken');

/** The fields that stand beside the file in the form of `client.files.create`. */
export const fileFields = z.strictObject({
  purpose: trainingPurpose,
  'expires_after[anchor]': z.literal('created_at').optional(),
  'expires_after[seconds]': z.coerce.number().int().min(3600).max(2_592_000).optional(),
});
const mostListed = 10_000;
export const fileListQuery = pageParameters({ limit: mostListed, most: mostListed }).extend({
  order: z.enum(['asc', 'desc']).default('desc'),
  purpose: z
    .string()
    .max(100)
    .optional()
    .describe('fine-tune or fine-tune-results; of any other purpose there are no files.'),
});
export type FileListQuery = z.infer<typeof fileListQuery>;

/** How long a file lasts, as callers ask for it. */
const lifetime = z.strictObject({ anchor: z.literal('created_at'), seconds: z.int().min(3600).max(2_592_000) });

export const uploadStatus = z.enum(['pending', 'completed', 'cancelled']);

export const openaiUpload = z
  .object({
    id: z.string(),
    object: z.literal('upload'),
    bytes: z.int().min(1),
    created_at: unixSeconds,
    expires_at: unixSeconds,
    filename: z.string(),
    purpose: z.literal('fine-tune'),
    status: z.enum([...uploadStatus.options, 'expired']),
    file: openaiFile.nullable(),
  })
  .meta({ id: 'Upload' });
export type OpenaiUpload = z.infer<typeof openaiUpload>;

export const openaiPart = z
  .object({ id: z.string(), object: z.literal('upload.part'), created_at: unixSeconds, upload_id: z.string() })
  .meta({ id: 'UploadPart' });
export type OpenaiPart = z.infer<typeof openaiPart>;

/** The body of `client.uploads.create`. */
export const uploadCreation = z.strictObject({
  bytes: z.int().min(1),
  filename: fileName,
  mime_type: z.string().min(1).max(255),
  purpose: trainingPurpose,
  expires_after: lifetime.optional().describe('Of the file that is made of the parts.'),
});

/** The body of `client.uploads.complete`. */
export const uploadCompletion = z.strictObject({
  part_ids: z.array(z.string().max(200)).min(1).max(10_000),
  md5: z
    .string()
    .regex(/^[0-9a-fA-F]{32}$/, 'an MD5 digest has 32 hexadecimal digits')
    .optional(),
});
