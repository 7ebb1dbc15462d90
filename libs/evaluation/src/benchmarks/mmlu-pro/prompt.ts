import type { MmluQuestion, MmluExample } from './rows.js';

/** Examples before a question. The benchmark's script lowers them for prompts that are too long; this one does not. */
export const shots = 5;

/** Ends an answer: the model has begun the next question by itself. */
export const stopText = 'Question:';

/**
 * The prompt of the benchmark's own script for local models, byte for byte.
 *
 * @param examples worked examples of the question's category, in the order of the validation split
 */
export function mmluPrompt(question: MmluQuestion, examples: readonly MmluExample[]): string {
  const instruction =
    `The following are multiple choice questions (with answers) about ${question.category}. Think step by step and then ` +
    'finish your answer with "the answer is (X)" where X is the correct letter choice.\n\n\n\n';
  return instruction + examples.map(worked).join('') + block(question) + "Answer: Let's think step by step.";
}

function worked(example: MmluExample): string {
  const reasoning = example.cot_content.replaceAll("A: Let's think step by step.", "Answer: Let's think step by step.");
  return `${block(example)}${reasoning}\n\n`;
}

function block({ question, options }: MmluQuestion): string {
  const lines = withoutPadding(options).map((option, index) => `${letterOf(index)}. ${option}\n`);
  return `Question:\n${question}\nOptions:\n${lines.join('')}`;
}

/** Some rows fill their options up to ten with "N/A". */
export function withoutPadding(options: readonly string[]): string[] {
  return options.filter((option) => option !== 'N/A');
}

function letterOf(index: number): string {
  return String.fromCharCode('A'.charCodeAt(0) + index);
}
