import { open, type FileHandle } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const pollMs = 100;
const readBytes = 256 * 1024;
const newline = 10;

/**
 * Reads a growing file of JSON lines from its beginning; it need not exist yet. `onLine` gets each line once it is
 * whole, with `undefined` for what is no JSON. Aborting ends it after everything written until then was read; what
 * `onLine` throws ends it too.
 */
export async function followJsonLines(
  path: string,
  onLine: (value: unknown, raw: string) => void,
  { signal }: { signal: AbortSignal },
): Promise<void> {
  let handle: FileHandle | undefined;
  let rest = Buffer.alloc(0);
  let offset = 0;
  const buffer = Buffer.alloc(readBytes);
  try {
    for (;;) {
      // Asked before reading, so that what was written before the abort is still read after it.
      const last = signal.aborted;
      handle ??= await openIfThere(path);
      for (;;) {
        const bytesRead = handle === undefined ? 0 : (await handle.read(buffer, 0, readBytes, offset)).bytesRead;
        if (bytesRead === 0) break;
        offset += bytesRead;
        // Split by bytes: a read may end within a character.
        rest = deliver(Buffer.concat([rest, buffer.subarray(0, bytesRead)]), onLine);
      }
      if (last) break;
      await sleep(pollMs, undefined, { signal }).catch(() => undefined);
    }
    // The writer is gone, so a line without an end stays so: whole JSON counts, half of one does not.
    const raw = rest.toString('utf8').trim();
    const value = parse(raw);
    if (value !== undefined) onLine(value, raw);
  } finally {
    await handle?.close();
  }
}

/** Hands on the whole lines and returns what is left. */
function deliver(bytes: Buffer, onLine: (value: unknown, raw: string) => void): Buffer<ArrayBuffer> {
  let start = 0;
  for (let end = bytes.indexOf(newline); end !== -1; end = bytes.indexOf(newline, start)) {
    const raw = bytes.toString('utf8', start, end).trim();
    start = end + 1;
    if (raw !== '') onLine(parse(raw), raw);
  }
  return Buffer.from(bytes.subarray(start));
}

function parse(raw: string): unknown {
  try {
    return JSON.parse(raw) as unknown;
  } catch {
    return undefined;
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
