import { createHash } from 'node:crypto';
import { z } from 'zod';

/** Files of a base model that say how text becomes tokens, as they are read. */
export interface TokenizerFiles {
  readonly tokenizer: string;
  readonly config: string;
  /** The model's chat template, when it has one, or that of its family. */
  readonly template: string | undefined;
  /** Whose template it is, when it is not the model's own. */
  readonly family?: string;
}

/** Names of the files of a model in the form of Transformers. */
export const tokenizerFileNames = ['tokenizer.json', 'tokenizer_config.json', 'chat_template.jinja'] as const;
export type TokenizerFileName = (typeof tokenizerFileNames)[number];

const namedTemplates = z.array(z.object({ name: z.string(), template: z.string() }));
const templateOfConfig = z.object({ chat_template: z.unknown().optional() });

/**
 * Takes the files by their names.
 *
 * @returns nothing when there is no tokenizer.json, without which no tokens are counted
 */
export async function readTokenizerFiles(
  read: (name: TokenizerFileName) => Promise<string | undefined>,
): Promise<TokenizerFiles | undefined> {
  const [tokenizer, config = '{}', own] = await Promise.all(tokenizerFileNames.map(read));
  if (tokenizer === undefined) return undefined;
  return { tokenizer, config, template: own ?? templateIn(config) };
}

/** Names the way in which text becomes tokens. */
export function tokenizerDigest({ tokenizer, config, template }: TokenizerFiles): string {
  return createHash('sha256')
    .update(JSON.stringify([tokenizer, config, template ?? null]))
    .digest('hex');
}

function templateIn(config: string): string | undefined {
  const parsed = templateOfConfig.safeParse(JSON.parse(config));
  const template = parsed.success ? parsed.data.chat_template : undefined;
  if (typeof template === 'string') return template;
  // Several named templates; Axolotl takes the one named default.
  const named = namedTemplates.safeParse(template);
  return named.success ? named.data.find(({ name }) => name === 'default')?.template : undefined;
}
