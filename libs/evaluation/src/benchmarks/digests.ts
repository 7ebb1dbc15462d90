import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** SHA-256 of each file, by its name: what was measured can be told from every other revision of it. */
export async function digestsOf(paths: readonly string[]): Promise<Record<string, string>> {
  const digests: Record<string, string> = {};
  for (const path of paths) {
    const hash = createHash('sha256');
    await pipeline(createReadStream(path), hash);
    digests[basename(path)] = hash.digest('hex');
  }
  return digests;
}
