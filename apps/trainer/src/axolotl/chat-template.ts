import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '@anneal/contracts';
import { templateOf, type Family } from '@anneal/planning';
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

const tokenizerConfig = z.object({
  chat_template: z.unknown().optional(),
  eos_token: z.unknown().optional(),
  pad_token: z.unknown().optional(),
});
const tokenizer = z.object({ added_tokens: z.array(z.object({ content: z.string() })).optional() });

/** How a conversation becomes text, in the words of Axolotl. */
export interface ChatForm {
  /** Axolotl's name of the template; left out where the tokenizer has its own. */
  readonly template?: string;
  /** Tokens that end a turn. Without them a model whose turns do not end with its end-of-text token never stops. */
  readonly endOfTurn: readonly string[];
}

/**
 * The chat template of a model: its tokenizer's own, or for a base model that of its family, when the vocabulary has
 * the tokens which that needs.
 *
 * @throws Failure SPEC_UNSUPPORTED when there is none, MODEL_INVALID when the tokenizer cannot end or fill up a row
 */
export async function chatForm(modelDirectory: string, reference: string, family?: Family): Promise<ChatForm> {
  const config = tokenizerConfig.safeParse(await readJson(join(modelDirectory, 'tokenizer_config.json')));
  // Axolotl pads with the end of the text where there is no token for it.
  if (config.success && !config.data.pad_token && !config.data.eos_token) throw endless(reference);
  const template = await chatTemplate(modelDirectory);
  const known = tokenizer.safeParse(await readJson(join(modelDirectory, 'tokenizer.json')));
  const special = new Set((known.success ? known.data.added_tokens : undefined)?.map(({ content }) => content));
  if (template !== undefined)
    return { endOfTurn: endsOfTurns.filter((token) => special.has(token) && template.includes(token)) };
  const ofFamily = family && templateOf(family, special);
  if (family && ofFamily !== undefined) return { template: ofFamily, endOfTurn: family.endOfTurn };
  throw new Failure('SPEC_UNSUPPORTED', `The tokenizer of ${reference} has no chat template.`, {
    remedy: 'Set training.prompt to load-qa, or take a model that was made for chats.',
    field: 'training.prompt',
  });
}

function endless(reference: string): Failure {
  return new Failure(
    'MODEL_INVALID',
    `The tokenizer of ${reference} names no end-of-text token and none to pad with.`,
    {
      remedy: 'Set eos_token in tokenizer_config.json of the model, or take another model.',
      field: 'model.base',
    },
  );
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
