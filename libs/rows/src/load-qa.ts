const start =
  'SYSTEM: Below is an instruction from a USER that describes a task. The ASSISTANT writes a response that appropriately and concisely completes the request.\n\n\nUSER: ';

/** What `alpaca_chat.load_qa` puts before an answer, as Axolotl's prompters.py has it; no blank comes between them. */
export function loadQaPrompt(question: string): string {
  return `${start}${question}\nASSISTANT:`;
}
