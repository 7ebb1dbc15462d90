import { setImmediate } from 'node:timers/promises';
import type { Item, Prompt, Questions } from './benchmark.js';

/** What a prompt has to fit into. */
export interface Context {
  /** Tokens of prompt and answer together. */
  readonly contextTokens: number;
  /** Tokens of a prompt, counted by the tokenizer of the model that is asked. */
  readonly countTokens: (prompt: Prompt) => number | Promise<number>;
}

/**
 * The same questions with as many examples before each as fit: one less at a time while the prompt has as many tokens as
 * the answer leaves of the context, or more. It is the rule of MMLU-Pro's own script, which says 4096 for the context.
 * Without any example a prompt stays as it is, even when it does not fit.
 */
export async function withFittingShots<Asked extends Questions>(questions: Asked, context: Context): Promise<Asked> {
  const { shots, answerTokens, items } = questions;
  if (shots === undefined) return questions;
  const fitted: Item[] = [];
  const lowered: Record<string, number> = {};
  for (const item of items) {
    // Thousands of prompts are counted one after the other; a lease is renewed in between.
    await setImmediate();
    const fitting = await fit(item, shots, { ...context, answerTokens });
    fitted.push({ ...item, prompt: fitting.prompt });
    if (fitting.shots < shots) lowered[fitting.shots] = (lowered[fitting.shots] ?? 0) + 1;
  }
  const { contextTokens } = context;
  return { ...questions, items: fitted, settings: { ...questions.settings, contextTokens, loweredShots: lowered } };
}

async function fit(
  item: Item,
  shots: number,
  { contextTokens, answerTokens, countTokens }: Context & { answerTokens: number },
): Promise<{ prompt: Prompt; shots: number }> {
  const { withShots } = item;
  if (!withShots) return { prompt: item.prompt, shots };
  for (let count = shots; count > 0; count -= 1) {
    const prompt = withShots(count);
    if ((await countTokens(prompt)) < contextTokens - answerTokens) return { prompt, shots: count };
  }
  return { prompt: withShots(0), shots: 0 };
}
