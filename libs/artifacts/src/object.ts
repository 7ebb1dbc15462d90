import type { Connection } from './connection.js';
import { withRetry } from './retry.js';

/** A whole small object with its ETag; the two belong together because the ETag is the condition of the read. */
export async function getObject(
  { client, bucket }: Connection,
  key: string,
  signal?: AbortSignal,
): Promise<{ bytes: Buffer; etag: string }> {
  return withRetry(async () => {
    const stream = await client.getObject(bucket, key);
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    const header = (stream as { headers?: Record<string, unknown> }).headers?.['etag'];
    return { bytes: Buffer.concat(chunks), etag: typeof header === 'string' ? header : '' };
  }, signal);
}

export const noteFolder = 'notes/';
const noteEnd = '.json';

/** Key of a note to work that has no key of the store. */
export function noteKey(name: string): string {
  return `${noteFolder}${name}${noteEnd}`;
}

/** The reverse; undefined when it is no key of a note. */
export function nameOfNote(key: string): string | undefined {
  const isNote = key.startsWith(noteFolder) && key.endsWith(noteEnd);
  return isNote ? key.slice(noteFolder.length, -noteEnd.length) : undefined;
}
