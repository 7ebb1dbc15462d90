import type { Message } from '../benchmark.js';
import { withoutPadding } from './options.js';
import type { MmluQuestion, MmluExample } from './rows.js';

/** Examples before a question, where the context has room for them. */
export const shots = 5;

/** Ends an answer: the model has begun the next question by itself. */
export const stopText = 'Question:';

/**
 * The prompt of the benchmark's own script for local models, byte for byte.
 *
 * @param examples worked examples of the question's category, in the order of the validation split
 */
export function mmluPrompt(question: MmluQuestion, examples: readonly MmluExample[]): string {
  return `${instruction(question)}\n\n\n\n${examples.map(worked).join('')}${block(question)}Answer: ${opening}`;
}

/**
 * The same question and examples as a conversation: each example is a turn of the user, answered by its reasoning. The
 * instruction stands in the first turn, since not every chat template knows a system prompt.
 */
export function mmluConversation(question: MmluQuestion, examples: readonly MmluExample[]): Message[] {
  const turns = examples.flatMap((example): Message[] => [
    { role: 'user', content: block(example).trimEnd() },
    { role: 'assistant', content: example.cot_content.replace(/^A: /, '') },
  ]);
  const [first, ...others] = [...turns, { role: 'user' as const, content: block(question).trimEnd() }];
  if (!first) return [];
  return [{ role: first.role, content: `${instruction(question)}\n\n${first.content}` }, ...others];
}

const opening = "Let's think step by step.";

function instruction({ category }: MmluQuestion): string {
  return (
    `The following are multiple choice questions (with answers) about ${category}. Think step by step and then ` +
    'finish your answer with "the answer is (X)" where X is the correct letter choice.'
  );
}

function worked(example: MmluExample): string {
  return `${block(example)}${example.cot_content.replaceAll(`A: ${opening}`, `Answer: ${opening}`)}\n\n`;
}

function block({ question, options }: MmluQuestion): string {
  const lines = withoutPadding(options).map((option, index) => `${letterOf(index)}. ${option}\n`);
  return `Question:\n${question}\nOptions:\n${lines.join('')}`;
}

function letterOf(index: number): string {
  return String.fromCharCode('A'.charCodeAt(0) + index);
}
