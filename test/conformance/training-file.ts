import { toFile, type OpenAI } from 'openai';

/** Enough for some of them to be held out from training. */
const rowCount = 40;

/** Good rows for training, one conversation a line. */
export const goodRows = Array.from({ length: rowCount }, (_, n) => conversation(`question ${n}`, `answer ${n}`)).join(
  '',
);

export function conversation(question: string, answer: string): string {
  const messages = [
    { role: 'user', content: question },
    { role: 'assistant', content: answer },
  ];
  return `${JSON.stringify({ messages })}\n`;
}

/** Good rows for a job with the method dpo: what was asked, with a preferred answer and another one. */
export const goodPairs = Array.from({ length: rowCount }, (_, n) => preference(`question ${n}`, `answer ${n}`)).join(
  '',
);

function preference(question: string, answer: string): string {
  return `${JSON.stringify({
    input: { messages: [{ role: 'user', content: question }], tools: [], parallel_tool_calls: true },
    preferred_output: [{ role: 'assistant', content: answer }],
    non_preferred_output: [{ role: 'assistant', content: `not ${answer}` }],
  })}\n`;
}

/** Uploads rows and waits until they are checked. */
export async function uploadRows(client: OpenAI, rows = goodRows): Promise<OpenAI.FileObject> {
  const file = await toFile(Buffer.from(rows), 'train.jsonl');
  const { id } = await client.files.create({ file, purpose: 'fine-tune' });
  return client.files.waitForProcessing(id, { pollInterval: 100 });
}
