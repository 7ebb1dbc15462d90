import { copyFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '@anneal/contracts';

/** Names of the files of a tokenizer. */
export const tokenizerFiles =
  /^(tokenizer.*\.json|tokenizer\.model|special_tokens_map\.json|added_tokens\.json|vocab\.json|merges\.txt|chat_template\.jinja)$/;

/** Gives a merged model the tokenizer that the adapter was trained with; the merge copies the base model's. */
export async function overlayTokenizer(adapter: string, merged: string): Promise<void> {
  const trained = (await readdir(adapter)).filter((name) => tokenizerFiles.test(name));
  if (trained.length === 0) return;
  for (const name of await readdir(merged)) {
    if (tokenizerFiles.test(name)) await rm(join(merged, name));
  }
  for (const name of trained) await copyFile(join(adapter, name), join(merged, name));
}

/**
 * Axolotl ends well also when the adapter fits nothing in the base, and only its log tells.
 *
 * @throws Failure MERGE_MISMATCH
 */
export function requireApplied(log: string): void {
  const [, applied] = /Applied LoRA to (\d+)\/\d+ tensors/.exec(log) ?? [];
  if (applied !== undefined && Number(applied) > 0) return;
  throw new Failure('MERGE_MISMATCH', 'The merge changed no tensor of the base model.', {
    remedy: 'Check that model.base is the model that the adapter was trained on.',
    field: 'model.base',
  });
}
