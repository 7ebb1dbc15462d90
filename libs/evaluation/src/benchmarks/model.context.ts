import { PromptCounter, type ChatForm } from '@anneal/datasets';
import { readMaxPositions } from '@anneal/engine';
import type { Questions } from './benchmark.js';
import { withFittingShots, type Context } from './shots.js';

/**
 * Benchmarks with as many examples before each question as the model in a folder has room for. Where its configuration
 * does not say how much that is, or nothing here reads its tokenizer, they stay as they are.
 *
 * @throws Failure MODEL_INVALID when the folder has no configuration
 */
export async function fittedTo<Asked extends Questions>(
  directory: string,
  benchmarks: readonly Asked[],
  signal: AbortSignal,
): Promise<Asked[]> {
  const context = benchmarks.some(hasShots) ? await contextOf(directory, signal) : undefined;
  if (context === undefined) return [...benchmarks];
  const fitted: Asked[] = [];
  for (const benchmark of benchmarks) fitted.push(await withFittingShots(benchmark, context));
  return fitted;
}

/** How a model in a folder is asked conversations; nothing where its files do not say, or cannot be read here. */
export async function chatFormOf(directory: string): Promise<ChatForm | undefined> {
  return (await PromptCounter.open(directory))?.chatForm();
}

/** Whether the number of examples can be lowered at all. */
export function hasShots({ shots }: Questions): boolean {
  return shots !== undefined;
}

async function contextOf(directory: string, signal: AbortSignal): Promise<Context | undefined> {
  const contextTokens = await readMaxPositions(directory);
  const counter = contextTokens === undefined ? undefined : await PromptCounter.open(directory);
  if (contextTokens === undefined || counter === undefined) return undefined;
  const countTokens: Context['countTokens'] = (prompt) => {
    signal.throwIfAborted();
    if ('prompt' in prompt) return counter.ofText(prompt.prompt);
    // One that cannot be put to the model fails when it is asked, and says why.
    return counter.ofConversation(prompt.messages) ?? 0;
  };
  return { contextTokens, countTokens };
}
