import type { Item, Prompt } from './benchmark.js';

/** What a prompt has to fit into. */
export interface Context {
  /** Tokens of prompt and answer together. */
  readonly contextTokens: number;
  /** Tokens that are kept free for the answer. */
  readonly answerTokens: number;
  /** Tokens of a prompt, counted by the tokenizer of the model that is asked. */
  readonly countTokens: (prompt: Prompt) => number | Promise<number>;
}

/**
 * The prompt with as many examples as fit: one less at a time while the prompt has as many tokens as the context leaves to
 * it, or more. It is the rule of MMLU-Pro's own script, which says 4096 and 2048. Without any example the prompt stays as
 * it is, even when it does not fit.
 */
export async function promptWithin(
  item: Item,
  shots: number,
  { contextTokens, answerTokens, countTokens }: Context,
): Promise<{ prompt: Prompt; shots: number }> {
  const { withShots } = item;
  if (!withShots) return { prompt: item.prompt, shots };
  for (let count = shots; count > 0; count -= 1) {
    const prompt = withShots(count);
    if ((await countTokens(prompt)) < contextTokens - answerTokens) return { prompt, shots: count };
  }
  return { prompt: withShots(0), shots: 0 };
}
