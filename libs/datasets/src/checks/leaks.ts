import type { Message } from '@anneal/rows';

/** Marks of chat templates. In a text they were copied from a rendered prompt, and a tokenizer reads them as the real ones. */
const templateMarks =
  /<\|(?:im_start|im_end|begin_of_text|start_header_id|end_header_id|eot_id|endoftext|user|assistant|system|end)\|>|<(?:start|end)_of_turn>|\[\/?INST\]|<<\/?SYS>>/;

/** As much of a system prompt as an answer hardly repeats by chance. */
const longEnough = 40;

/** Whether an answer repeats the beginning of the system prompt of its own conversation. */
export function leaksSystemPrompt(messages: readonly Message[]): boolean {
  const system = messages[0]?.role === 'system' ? messages[0].content.trim() : '';
  if (system.length < longEnough) return false;
  const start = system.slice(0, longEnough);
  return messages.some(({ role, content }) => role === 'assistant' && content.includes(start));
}

export function holdsTemplateMarks(messages: readonly Message[]): boolean {
  return messages.some(({ content }) => templateMarks.test(content));
}
