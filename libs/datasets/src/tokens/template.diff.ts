import type { Conversation, Message, Tool } from '@anneal/rows';

/** The text of a conversation; with other tools than its own when some are given. */
type Render = (messages: readonly Message[], tools?: readonly Tool[]) => string;

/** A chat template leaves out something that a row teaches, so that the model would never see it. */
export class DroppedByTemplate extends Error {}

/**
 * Two answers that stand in the place of the real one. Their first and last letters differ, since a letter that an answer
 * shares with its stand-in would not show: Axolotl's `chat_template` strategy (0.21) takes the same ones.
 */
const standIns = ['[[dummy_message]]', 'zzdummymessagezz'];

/** Where the answer of a message stands in a text, with its calls: what differs when another answer is in its place. */
export function trainedSpan(
  text: string,
  messages: readonly Message[],
  index: number,
  render: Render,
): { start: number; end: number } {
  const spans = standIns.map((content) => {
    const other = render(messages.with(index, { role: 'assistant', content }));
    return differing(text, other);
  });
  return { start: Math.min(...spans.map(({ start }) => start)), end: Math.max(...spans.map(({ end }) => end)) };
}

/**
 * Makes sure that all that is declared, called and answered changes the text.
 *
 * @throws DroppedByTemplate
 */
export function requireShown(text: string, { messages, tools }: Conversation, render: Render): void {
  if (tools !== undefined && sameText(text, () => render(messages, []))) throw new DroppedByTemplate('the tools');
  for (const [index, turn] of messages.entries()) {
    const without = (change: Partial<Message>): string => render(messages.with(index, { ...turn, ...change }));
    const { tool_calls: calls = [] } = turn;
    for (const call of calls) {
      const others = calls.filter((other) => other !== call);
      const { tool_calls: _all, ...bare } = turn;
      const isDropped = sameText(text, () =>
        others.length === 0 ? render(messages.with(index, bare)) : without({ tool_calls: others }),
      );
      if (isDropped) throw new DroppedByTemplate('a call of a tool');
    }
    if (calls.length > 0 && turn.content.trim() !== '' && sameText(text, () => without({ content: '' })))
      throw new DroppedByTemplate('what is said beside a call');
    if (turn.role === 'tool' && sameText(text, () => without({ content: standIns[0] ?? '' })))
      throw new DroppedByTemplate('what a tool answers');
  }
}

/** A template that refuses the row without a part of it has not left that part out. */
function sameText(text: string, render: () => string): boolean {
  try {
    return render() === text;
  } catch {
    return false;
  }
}

function differing(text: string, other: string): { start: number; end: number } {
  const most = Math.min(text.length, other.length);
  let start = 0;
  while (start < most && text[start] === other[start]) start += 1;
  let same = 0;
  while (same < most - start && text[text.length - 1 - same] === other[other.length - 1 - same]) same += 1;
  return { start, end: text.length - same };
}
