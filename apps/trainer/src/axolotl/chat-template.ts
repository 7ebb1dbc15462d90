import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '@anneal/contracts';
import { z } from 'zod';

// Only these can get into the configuration; the tokenizer's own files are a stranger's text.
const endsOfTurns = [
  '<|im_end|>',
  '<|eot_id|>',
  '<end_of_turn>',
  '<turn|>',
  '<|end|>',
  '<|end_of_text|>',
  '</s>',
] as const;

const tokenizerConfig = z.object({ chat_template: z.unknown().optional(), eos_token: z.unknown().optional() });
const tokenizer = z.object({ added_tokens: z.array(z.object({ content: z.string() })).optional() });

/**
 * The tokens that end a turn in the chat template of a model. Without them a model whose turns do not end with its
 * end-of-text token never learns to stop.
 *
 * @throws Failure SPEC_UNSUPPORTED when the model has no chat template
 */
export async function endOfTurnTokens(modelDirectory: string, reference: string): Promise<string[]> {
  const template = await chatTemplate(modelDirectory);
  if (template === undefined) {
    throw new Failure('SPEC_UNSUPPORTED', `The tokenizer of ${reference} has no chat template.`, {
      remedy: 'Set training.prompt to load-qa, or take a model that was made for chats.',
      field: 'training.prompt',
    });
  }
  const known = tokenizer.safeParse(await readJson(join(modelDirectory, 'tokenizer.json')));
  const special = new Set((known.success ? known.data.added_tokens : undefined)?.map(({ content }) => content));
  return endsOfTurns.filter((token) => special.has(token) && template.includes(token));
}

async function chatTemplate(directory: string): Promise<string | undefined> {
  const own = await readFile(join(directory, 'chat_template.jinja'), 'utf8').catch(() => undefined);
  if (own !== undefined) return own;
  const config = tokenizerConfig.safeParse(await readJson(join(directory, 'tokenizer_config.json')));
  const template = config.success ? config.data.chat_template : undefined;
  if (typeof template === 'string') return template;
  // Several named templates; Axolotl takes the one named default.
  const named = z.array(z.object({ name: z.string(), template: z.string() })).safeParse(template);
  return named.success ? named.data.find(({ name }) => name === 'default')?.template : undefined;
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch {
    return undefined;
  }
}
