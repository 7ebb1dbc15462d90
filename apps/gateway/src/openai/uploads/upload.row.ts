import { artifactRef, uploadStatus, type OpenaiFile, type OpenaiPart, type OpenaiUpload } from '@anneal/contracts';
import { z } from 'zod';
import { absent, bigint, instant } from '../../database/columns.js';
import { toSeconds } from '../openai-id.js';

export const uploadRow = z.object({
  id: z.string(),
  project: z.string(),
  filename: z.string(),
  mime_type: z.string(),
  bytes: bigint,
  status: uploadStatus,
  part_ids: z.array(z.string()).nullable(),
  file_id: z.string().nullable(),
  file_seconds: absent(z.int()),
  created_at: instant,
  expires_at: instant,
});
export type UploadRow = z.infer<typeof uploadRow>;

export const partRow = z.object({
  id: z.string(),
  upload_id: z.string(),
  bytes: bigint,
  artifact: artifactRef,
  created_at: instant,
});
export type PartRow = z.infer<typeof partRow>;

/** The one file of a part's artifact. */
export const partName = 'part';

export function isExpired({ status, expires_at }: UploadRow): boolean {
  return status === 'pending' && Date.parse(expires_at) <= Date.now();
}

export function toOpenaiUpload(row: UploadRow, file: OpenaiFile | null): OpenaiUpload {
  return {
    id: row.id,
    object: 'upload',
    bytes: row.bytes,
    created_at: toSeconds(row.created_at),
    expires_at: toSeconds(row.expires_at),
    filename: row.filename,
    purpose: 'fine-tune',
    status: isExpired(row) ? 'expired' : row.status,
    file,
  };
}

export function toOpenaiPart(row: PartRow): OpenaiPart {
  return { id: row.id, object: 'upload.part', created_at: toSeconds(row.created_at), upload_id: row.upload_id };
}
