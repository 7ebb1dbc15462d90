import { artifactRef, filePurpose, fileStatus, trainingObjective, type OpenaiFile } from '@anneal/contracts';
import { z } from 'zod';
import { absent, bigint, instant } from '../../database/columns.js';
import { toSeconds } from '../openai-id.js';

export const fileRow = z.object({
  id: z.string(),
  place: bigint,
  project: z.string(),
  purpose: filePurpose,
  filename: z.string(),
  bytes: bigint,
  status: fileStatus,
  status_details: absent(z.string()),
  rows: absent(z.int()),
  characters: absent(bigint),
  objective: absent(trainingObjective),
  artifact: artifactRef,
  created_at: instant,
  expires_at: absent(instant),
});
export type FileRow = z.infer<typeof fileRow>;

/** The one file of an uploaded file's artifact: what callers name it is kept in the row and never becomes a path. */
export const storedName = 'file.jsonl';

export function toOpenaiFile(row: FileRow): OpenaiFile {
  return {
    id: row.id,
    object: 'file',
    bytes: row.bytes,
    created_at: toSeconds(row.created_at),
    filename: row.filename,
    purpose: row.purpose,
    status: row.status,
    status_details: row.status_details ?? null,
    ...(row.expires_at === undefined ? {} : { expires_at: toSeconds(row.expires_at) }),
  };
}
