import { Failure } from '@anneal/contracts';
import { describe, expect, it } from 'vitest';
import { conversationDigest, findColumns, toConversation } from './conversation.js';

const row = (columns: Record<string, unknown>, number = 1) => ({ number, unit: 'line' as const, columns });
const failureOf = (act: () => unknown): Failure => {
  try {
    act();
  } catch (error) {
    if (error instanceof Failure) return error;
  }
  throw new Error('nothing failed');
};

describe('the columns of a source', () => {
  it('are found by their usual names', () => {
    expect(findColumns(row({ messages: [] }), undefined, 'f')).toEqual({ messages: 'messages' });
    expect(findColumns(row({ problem: '', answer: '' }), undefined, 'f')).toEqual({
      question: 'problem',
      answer: 'answer',
    });
  });

  it('are what the RunSpec says, when it says so', () => {
    const wanted = { question: 'problem', answer: 'solution' };
    expect(findColumns(row({ messages: [], problem: '', solution: '' }), wanted, 'f')).toEqual(wanted);
  });

  it('are named when one that is wanted is missing', () => {
    const failure = failureOf(() => findColumns(row({ a: 1, b: 2 }), { question: 'problem' }, 'data.jsonl'));
    expect(failure).toMatchObject({
      code: 'DATASET_COLUMN_MISSING',
      field: 'dataset.columns.question',
      file: 'data.jsonl',
    });
    expect(failure.message).toContain('line 1 of data.jsonl has the columns "a", "b"');
  });

  it('are named when none fits', () => {
    expect(failureOf(() => findColumns(row({ x: 1 }), undefined, 'f')).message).toContain('"x"');
  });
});

describe('a row', () => {
  const qa = { question: 'q', answer: 'a' };

  it('of question and answer becomes a conversation, with the system prompt of the RunSpec', () => {
    expect(toConversation(row({ q: 'Why?', a: 'So.' }), qa, 'Be brief.', 'f').messages).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Why?' },
      { role: 'assistant', content: 'So.' },
    ]);
  });

  it('keeps a system prompt of its own', () => {
    const messages = [
      { role: 'system', content: 'mine' },
      { role: 'user', content: 'u' },
      { role: 'assistant', content: 'a' },
    ];
    expect(toConversation(row({ messages }), { messages: 'messages' }, 'theirs', 'f').messages).toEqual(messages);
  });

  it.each([
    [{ q: 'Why?' }, qa, 'column "a" holds no text'],
    [{ q: ' ', a: 'So.' }, qa, 'column "q" is empty'],
    [{ messages: 'text' }, { messages: 'messages' }, 'is no conversation'],
    [
      {
        messages: [
          { role: 'robot', content: '' },
          { role: 'user', content: '' },
        ],
      },
      { messages: 'messages' },
      'messages.0.role',
    ],
    [
      {
        messages: [
          { role: 'assistant', content: 'a' },
          { role: 'user', content: 'u' },
        ],
      },
      { messages: 'messages' },
      'does not end with an assistant',
    ],
    [
      {
        messages: [
          { role: 'system', content: 's' },
          { role: 'assistant', content: 'a' },
        ],
      },
      { messages: 'messages' },
      'no user message',
    ],
    [
      {
        messages: [
          { role: 'user', content: 'u' },
          { role: 'assistant', content: '' },
        ],
      },
      { messages: 'messages' },
      'message 2',
    ],
  ])('%j is refused by its number', (columns, mapping, problem) => {
    const failure = failureOf(() => toConversation(row(columns, 7), mapping, undefined, 'data.jsonl'));
    expect(failure).toMatchObject({ code: 'DATASET_ROW_INVALID', row: 7, file: 'data.jsonl', retryable: false });
    expect(failure.message).toContain(problem);
  });

  it('is named by the line or the row on which it stands', () => {
    const wrong = { ...row({ q: '' }, 7), unit: 'row' as const };
    expect(failureOf(() => toConversation(row({ q: '' }, 7), qa, undefined, 'd.jsonl')).message).toBe(
      'In line 7 of d.jsonl, column "q" is empty.',
    );
    expect(failureOf(() => toConversation(wrong, qa, undefined, 'd.parquet')).message).toBe(
      'In row 7 of d.parquet, column "q" is empty.',
    );
  });

  it('has the same digest in whatever form it came', () => {
    const asColumns = toConversation(row({ q: 'u', a: 'a' }), qa, undefined, 'f');
    const asMessages = {
      messages: [
        { role: 'user' as const, content: 'u' },
        { role: 'assistant' as const, content: 'a' },
      ],
    };
    expect(conversationDigest(asColumns)).toBe(conversationDigest(asMessages));
  });
});

describe("a row of OpenAI's chat form", () => {
  const user = { role: 'user', content: 'u' };
  const answer = { role: 'assistant', content: 'a' };
  const read = (...messages: unknown[]) =>
    toConversation(row({ messages }, 7), { messages: 'messages' }, undefined, 'data.jsonl').messages;

  it.each([
    [{ weight: 1 }],
    // What parquet and programs that write every key make of a message that has none of them.
    [{ weight: '1', tool_calls: [], function_call: null }],
    [{ weight: null, tool_calls: null, function_call: null, name: null }],
    [{ name: 'Ada' }],
    [{ anything: 'else' }],
  ])('is trained without %j', (more) => {
    expect(read({ ...user, ...more }, { ...answer, ...more })).toEqual([user, answer]);
  });

  it.each([
    [{ ...answer, weight: 0 }, 'messages.1.weight: messages of another weight than 1 are not trained yet'],
    [{ ...answer, weight: '0' }, 'messages.1.weight: messages of another weight than 1 are not trained yet'],
    [{ ...answer, weight: 0.5 }, 'messages.1.weight: messages of another weight than 1 are not trained yet'],
    [
      { role: 'assistant', content: null, tool_calls: [{ id: 'call_1', type: 'function' }] },
      'messages.1.tool_calls: tool calls are not trained yet',
    ],
    [
      { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{}' } },
      'messages.1.function_call: function calls are not trained yet',
    ],
    [{ role: 'tool', content: 't' }, 'messages.1.role: messages of the role "tool" are not trained yet'],
    [{ role: 'function', content: 't' }, 'messages.1.role: messages of the role "function" are not trained yet'],
    [{ role: 'developer', content: 't' }, 'messages.1.role: messages of the role "developer" are not trained yet'],
  ])('is refused with %j, and not trained without it', (message, problem) => {
    const failure = failureOf(() => read(user, message, answer));
    expect(failure).toMatchObject({ code: 'DATASET_ROW_INVALID', row: 7 });
    expect(failure.message).toBe(
      `In line 7 of data.jsonl, column "messages" is no conversation to train on (${problem}).`,
    );
  });
});
