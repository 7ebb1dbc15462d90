import { Failure } from '@anneal/contracts';
import { describe, expect, it } from 'vitest';
import { conversationDigest, findColumns, toConversation } from './conversation.js';

const row = (columns: Record<string, unknown>, number = 1) => ({ number, columns });
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
    expect(failure.message).toContain('"a", "b"');
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
