import type { Conversation, Message, Tool } from '@anneal/rows';

interface Stored {
  readonly messages?: readonly Message[];
  readonly tools?: readonly Tool[];
  readonly text?: string;
}

/** A conversation as one line of JSON. */
export function storedLine({ messages, tools, plain }: Conversation): string {
  if (plain) return JSON.stringify({ text: messages[0]?.content ?? '' });
  return JSON.stringify(tools === undefined ? { messages } : { messages, tools });
}

/** The conversation on such a line. */
export function linedConversation(line: string): Conversation {
  return storedConversation(JSON.parse(line) as Stored);
}

/** The conversation that the columns of a stored row are. */
export function storedConversation({ messages = [], tools, text }: Stored): Conversation {
  if (text !== undefined) return { messages: [{ role: 'assistant', content: text }], plain: true };
  return tools === undefined ? { messages } : { messages, tools };
}
