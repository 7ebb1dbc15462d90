import { readdir } from 'node:fs/promises';
import { Failure } from '@anneal/contracts';

/** Files of which any one holds the tokens of a model: https://huggingface.co/docs/transformers/main_classes/tokenizer */
const tokenizers = ['tokenizer.json', 'tokenizer.model', 'spiece.model', 'vocab.json', 'vocab.txt', 'tekken.json'];

/**
 * Makes sure, before anything is started, that a folder is a model that can be asked.
 *
 * @throws Failure MODEL_NOT_FOUND or MODEL_INVALID
 */
export async function demandModelFolder(directory: string): Promise<void> {
  let names: string[];
  try {
    names = await readdir(directory);
  } catch (cause) {
    throw new Failure('MODEL_NOT_FOUND', `There is no model folder at ${directory}.`, {
      remedy: 'Name a folder in the form of Transformers, or the address of a server.',
      file: directory,
      cause,
    });
  }
  const missing = [
    ...(names.includes('config.json') ? [] : ['config.json']),
    ...(names.some((name) => /\.(safetensors|bin)$/.test(name)) ? [] : ['weights (*.safetensors)']),
    ...(names.some((name) => tokenizers.includes(name)) ? [] : ['tokenizer (tokenizer.json)']),
  ];
  if (missing.length === 0) return;
  throw new Failure('MODEL_INVALID', `The model in ${directory} has no ${missing.join(', no ')}.`, {
    remedy: 'Save or fetch the model again with its tokenizer; an adapter has to be merged into its base first.',
    file: directory,
  });
}
