import { z } from 'zod';
import { functionCall, toolCall, type ToolCall } from './tools.js';

/** Tables, and programs that write every key, say null or an empty list for nothing. */
const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0;

/** Roles that are others by an older or a newer name. */
const plainRoles = {
  system: 'system',
  developer: 'system',
  user: 'user',
  assistant: 'assistant',
  tool: 'tool',
  function: 'tool',
} as const;

const calls = z
  .array(toolCall)
  .nullish()
  .transform((list) => (list?.length ? list : undefined));

/**
 * A message of OpenAI's chat rows; unknown keys are passed over. What changes the meaning of a row is taken or refused:
 * without it the row would teach what its author left out.
 */
export const message = z
  .object({
    role: z.enum(['system', 'developer', 'user', 'assistant', 'tool', 'function']),
    // As text, too: so come the 64-bit integers of a parquet file.
    weight: z
      .literal([0, 1, '0', '1'], { error: 'messages of another weight than 0 or 1 are not trained yet' })
      .nullish(),
    tool_calls: calls,
    function_call: z.preprocess((value) => (isEmptyList(value) ? undefined : value), functionCall.nullish()),
    tool_call_id: z.string().nullish(),
    name: z.string().nullish(),
    content: z.string().nullish(),
  })
  .transform((read, context): Message => {
    const role = plainRoles[read.role];
    const toolCalls = read.tool_calls ?? (read.function_call ? [read.function_call] : undefined);
    if (toolCalls && role !== 'assistant') {
      context.addIssue({ code: 'custom', message: 'only an assistant calls tools', path: ['tool_calls'] });
      return z.NEVER;
    }
    if (typeof read.content !== 'string' && !toolCalls) {
      context.addIssue({ code: 'invalid_type', expected: 'string', path: ['content'], input: read.content });
      return z.NEVER;
    }
    const told = { role, content: read.content ?? '' };
    if (role === 'tool')
      return {
        ...told,
        ...(typeof read.tool_call_id === 'string' ? { tool_call_id: read.tool_call_id } : {}),
        ...(typeof read.name === 'string' ? { name: read.name } : {}),
      };
    // Only what the assistant says is ever trained.
    const untrained = role === 'assistant' && Number(read.weight ?? 1) === 0;
    return { ...told, ...(toolCalls ? { tool_calls: toolCalls } : {}), ...(untrained ? { train: false } : {}) };
  });

/** One message. `train: false` keeps an answer in the conversation without learning it. */
export interface Message {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  /** Blank only beside calls. */
  readonly content: string;
  readonly train?: false;
  readonly tool_calls?: readonly ToolCall[];
  /** Which call the message of a tool answers. */
  readonly tool_call_id?: string;
  /** The tool that answers. */
  readonly name?: string;
}

/** The names that ShareGPT's rows use for the three roles. */
const shareGptRoles: Readonly<Record<string, Message['role']>> = {
  system: 'system',
  human: 'user',
  user: 'user',
  gpt: 'assistant',
  assistant: 'assistant',
  chatgpt: 'assistant',
  bot: 'assistant',
  model: 'assistant',
  tool: 'tool',
  observation: 'tool',
};

const shareGptKeys = z.object({ from: z.string(), value: z.unknown(), weight: z.unknown().optional() });

export const shareGptMessage = z.preprocess((input) => {
  const parsed = shareGptKeys.safeParse(input);
  if (!parsed.success) return input;
  const { from, value, weight } = parsed.data;
  return { role: shareGptRoles[from] ?? from, content: value, weight };
}, message);
