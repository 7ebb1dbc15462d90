import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/**
 * Names everything but the question on which an answer depends. The revision of a model in a folder is that of its
 * weights alone, so the small files are in it, too: the tokenizer and the chat template make tokens of a question.
 */
export async function askedAs(
  model: { readonly directory: string; readonly revision: string },
  inference: { readonly settings: unknown; readonly versions: Readonly<Record<string, string>> },
): Promise<string> {
  const versions = Object.entries(inference.versions).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const hash = createHash('sha256').update(JSON.stringify([model.revision, inference.settings, versions]));
  for (const name of (await readdir(model.directory)).toSorted()) {
    if (!/\.(json|jinja|model|txt)$/.test(name)) continue;
    hash.update(`\n${name}\n`);
    await pipeline(createReadStream(join(model.directory, name)), hash, { end: false });
  }
  return hash.digest('hex');
}
