import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TrainingPlan } from '@anneal/contracts';
import { z } from 'zod';

const tokenizer = [
  'tokenizer.json',
  'tokenizer_config.json',
  'tokenizer.model',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'merges.txt',
  'chat_template.jinja',
] as const;
const adapter: ReadonlySet<string> = new Set([...tokenizer, 'adapter_model.safetensors', 'adapter_config.json']);
const weights: ReadonlySet<string> = new Set([
  ...tokenizer,
  'config.json',
  'generation_config.json',
  'model.safetensors',
  'model.safetensors.index.json',
]);

/**
 * Whether a file of the output folder is part of the result. The list is of what goes in: Axolotl leaves checkpoints,
 * logs, pickles and a model card with the whole configuration beside it.
 */
export function isResult(method: TrainingPlan['method'], path: string): boolean {
  if (method !== 'full') return adapter.has(path);
  return weights.has(path) || /^model-\d{5}-of-\d{5}\.safetensors$/.test(path);
}

const adapterConfig = z.looseObject({ base_model_name_or_path: z.string().nullish() });

/** Names the base model as the RunSpec does, where PEFT wrote the path on this machine. */
export async function nameBaseModel(output: string, reference: string): Promise<void> {
  const path = join(output, 'adapter_config.json');
  await writeFile(path, nameBaseModelIn(await readFile(path, 'utf8'), reference));
}

/** The same for the text of an adapter_config.json. */
export function nameBaseModelIn(text: string, reference: string): string {
  const config = adapterConfig.parse(JSON.parse(text));
  return `${JSON.stringify({ ...config, base_model_name_or_path: reference }, null, 2)}\n`;
}
