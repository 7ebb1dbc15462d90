import { Failure } from '@anneal/contracts';
import { describe, expect, it } from 'vitest';
import { conversationDigest, readConversation, toConversation } from './conversation.js';
import { findFormat } from './format.js';
import type { DataFormat } from './format.js';

const row = (columns: Record<string, unknown>, number = 1) => ({ number, unit: 'line' as const, columns });
const failureOf = (act: () => unknown): Failure => {
  try {
    act();
  } catch (error) {
    if (error instanceof Failure) return error;
  }
  throw new Error('nothing failed');
};

describe('the format of a source', () => {
  const columnsOf = (columns: Record<string, unknown>, wanted?: Record<string, string>) =>
    findFormat([row(columns)], wanted, 'f');

  it.each([
    [{ messages: [{ role: 'user', content: 'q' }] }, 'chat', { messages: 'messages' }],
    [{ conversations: [{ from: 'human', value: 'q' }] }, 'sharegpt', { messages: 'conversations' }],
    [{ conversations: [{ role: 'user', content: 'q' }] }, 'chat', { messages: 'conversations' }],
    [{ problem: '', answer: '' }, 'question-answer', { question: 'problem', answer: 'answer' }],
    [{ id: 1, text: '' }, 'text', { text: 'text' }],
    [{ prompt: '', completion: '' }, 'question-answer', { question: 'prompt', answer: 'completion' }],
    [{ question: '', answer: '', input: '' }, 'question-answer', { question: 'question', answer: 'answer' }],
    [
      { instruction: '', input: '', output: '' },
      'alpaca',
      { question: 'instruction', input: 'input', answer: 'output' },
    ],
  ])('is found by looking at %j', (columns, name, found) => {
    expect(columnsOf(columns)).toEqual({ name, columns: found });
  });

  it('is what the RunSpec says, when it says so', () => {
    const wanted = { question: 'problem', answer: 'solution' };
    expect(columnsOf({ messages: [], problem: '', solution: '' }, wanted).columns).toEqual(wanted);
  });

  it('is asked for when a column that is wanted is missing', () => {
    const failure = failureOf(() => findFormat([row({ a: 1, b: 2 })], { question: 'problem' }, 'data.jsonl'));
    expect(failure).toMatchObject({
      code: 'DATASET_COLUMN_MISSING',
      field: 'dataset.columns.question',
      file: 'data.jsonl',
    });
    expect(failure.message).toContain('line 1 of data.jsonl has the columns "a", "b"');
  });

  it('has the columns that the first row leaves out', () => {
    const rows = [
      { instruction: 'i', output: 'o' },
      { instruction: 'i', input: 'c', output: 'o', ctx: 'c' },
    ];
    const looked = rows.map((columns) => row(columns));
    expect(findFormat(looked, undefined, 'f')).toEqual({
      name: 'alpaca',
      columns: { question: 'instruction', input: 'input', answer: 'output' },
    });
    expect(findFormat(looked, { input: 'ctx' }, 'f').columns).toMatchObject({ input: 'ctx' });
    const chats = [{ conversations: null }, { conversations: [{ from: 'human', value: 'q' }] }];
    expect(
      findFormat(
        chats.map((columns) => row(columns)),
        undefined,
        'f',
      ).name,
    ).toBe('sharegpt');
  });

  it('has the column of system prompts, when it holds text', () => {
    const asked = { question: '', answer: '' };
    const withSystem = [
      { ...asked, system: null },
      { ...asked, system: 'Be kind.' },
    ].map((columns) => row(columns));
    expect(findFormat(withSystem, undefined, 'f').columns).toMatchObject({ system: 'system' });
    expect(columnsOf({ ...asked, system_prompt: 'Be kind.' }).columns).toMatchObject({ system: 'system_prompt' });
    expect(columnsOf({ ...asked, system: 3 }).columns).not.toHaveProperty('system');
  });

  it('is asked for with so many columns as somebody reads', () => {
    const many = Object.fromEntries(Array.from({ length: 2000 }, (_, index) => [`c${index}`, index]));
    const { message } = failureOf(() => columnsOf({ ...many, ['x'.repeat(5000)]: 1 }));
    expect(message).toContain('"c19", and 1981 more.');
    expect(message.length).toBeLessThan(500);
  });

  it.each([
    [{ x: 1 }, 'as messages, as question and answer, or as text'],
    [{ problem: 'p', theme: 's' }, 'dataset.columns.answer beside "problem"'],
    [
      { problem: 'p', solution: 's' },
      'name "problem" in dataset.columns.question and "solution" in dataset.columns.answer',
    ],
    [
      { Question: 'p', Answer: 's' },
      'name "Question" in dataset.columns.question and "Answer" in dataset.columns.answer',
    ],
    [{ turns: [{ role: 'user', content: 'u' }] }, 'nearest to chat: name "turns" in dataset.columns.messages'],
    [{ said: [{ from: 'human', value: 'u' }] }, 'nearest to chat: name "said" in dataset.columns.messages'],
    [{ content: 'p' }, 'nearest to plain text: name "content" in dataset.columns.text'],
  ])('that fits nothing shows columns, rows and what comes nearest: %j', (columns, nearest) => {
    const rows = [1, 2, 3, 4].map((number) => row({ ...columns, long: 'x'.repeat(500) }, number));
    const failure = failureOf(() => findFormat(rows, undefined, 'f'));
    expect(failure.message).toContain(`"${Object.keys(columns)[0]}"`);
    expect(failure.message).toContain('line 3: {');
    expect(failure.message).not.toContain('line 4');
    expect(failure.message.length).toBeLessThan(700);
    expect(failure.remedy).toContain(nearest);
  });
});

describe('a row', () => {
  const qa: DataFormat = { name: 'question-answer', columns: { question: 'q', answer: 'a' } };
  const chat: DataFormat = { name: 'chat', columns: { messages: 'messages' } };

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
    expect(toConversation(row({ messages }), chat, 'theirs', 'f').messages).toEqual(messages);
  });

  it.each([
    [{ q: 'Why?' }, qa, 'column "a" holds no text'],
    [{ q: ' ', a: 'So.' }, qa, 'column "q" is empty'],
    [{ messages: 'text' }, chat, 'is no conversation'],
    [{ messages: '[{"role":"user"}]' }, chat, 'written as text'],
    [{ q: 'Why?', a: 4 }, qa, 'column "a" holds no text, but a number'],
    [{ q: ['Why?'], a: 'So.' }, qa, 'column "q" holds no text, but a list'],
    [
      {
        messages: [
          { role: 'robot', content: '' },
          { role: 'user', content: '' },
        ],
      },
      chat,
      'messages.0.role: "robot" is none of system, developer, user, assistant, tool, function',
    ],
    [{ messages: [] }, chat, 'messages: it is an empty list'],
    [{ q: '[{"role": "user", "content": "q"}]', a: 'So.' }, qa, 'written as text'],
    [{ q: "[{'from': 'human', 'value': 'q'}]", a: 'So.' }, qa, 'written as text'],
    [
      {
        messages: [
          { role: 'assistant', content: 'a' },
          { role: 'user', content: 'u' },
        ],
      },
      chat,
      'does not end with an assistant',
    ],
    [
      {
        messages: [
          { role: 'system', content: 's' },
          { role: 'assistant', content: 'a' },
        ],
      },
      chat,
      'no user message',
    ],
    [
      {
        messages: [
          { role: 'user', content: 'u' },
          { role: 'assistant', content: '' },
        ],
      },
      chat,
      'message 2',
    ],
  ])('%j is refused by its number', (columns, mapping, problem) => {
    const failure = failureOf(() => toConversation(row(columns, 7), mapping, undefined, 'data.jsonl'));
    expect(failure).toMatchObject({ code: 'DATASET_ROW_INVALID', row: 7, file: 'data.jsonl', retryable: false });
    expect(failure.message).toContain(problem);
  });

  it('may ask and answer with a JSON list', () => {
    const list = '[{"name": "Ada"}]';
    expect(toConversation(row({ q: list, a: list }), qa, undefined, 'f').messages[1]?.content).toBe(list);
  });

  it.each([
    ['its own', 'mine', 'mine'],
    ['the one of the RunSpec, when it has none', null, 'theirs'],
    ['the one of the RunSpec, when its own is blank', ' ', 'theirs'],
  ])('has the system prompt of its column: %s', (_what, s, content) => {
    const said = [
      { role: 'user', content: 'u' },
      { role: 'assistant', content: 'a' },
    ];
    const whole = [{ role: 'system', content }, ...said];
    const withSystem = ({ name, columns }: DataFormat): DataFormat => ({ name, columns: { ...columns, system: 's' } });
    expect(toConversation(row({ q: 'u', a: 'a', s }), withSystem(qa), 'theirs', 'f').messages).toEqual(whole);
    expect(toConversation(row({ messages: said, s }), withSystem(chat), 'theirs', 'f').messages).toEqual(whole);
    const blank = [{ role: 'system', content: ' ' }, ...said];
    expect(toConversation(row({ messages: blank, s }), withSystem(chat), 'theirs', 'f').messages).toEqual(whole);
    expect(toConversation(row({ messages: blank }), chat, undefined, 'f').messages).toEqual(said);
    expect(toConversation(row({ messages: whole, s: 'other' }), withSystem(chat), undefined, 'f').messages).toEqual(
      whole,
    );
  });

  it('has its input, though the rows that the format was found in had none', () => {
    const format: DataFormat = { name: 'question-answer', columns: { question: 'instruction', answer: 'output' } };
    const { messages } = toConversation(row({ instruction: 'i', input: 'c', output: 'o' }), format, undefined, 'f');
    expect(messages[0]?.content).toBe('i\n\nc');
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
  const call = { id: 'call_1', type: 'function', function: { name: 'f', arguments: '{"b": 1, "a": null}' } };
  const kept = { ...call, function: { name: 'f', arguments: { b: 1, a: null } } };
  const read = (...messages: unknown[]) =>
    toConversation(row({ messages }, 7), { name: 'chat', columns: { messages: 'messages' } }, undefined, 'data.jsonl')
      .messages;

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
    [{ ...answer, weight: 0.5 }, 'messages.1.weight: messages of another weight than 0 or 1 are not trained yet'],
    [
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ type: 'function', function: { name: 'f', arguments: '[1]' } }],
      },
      'messages.1.tool_calls.0.function.arguments: the arguments of a call are no JSON object',
    ],
    [{ ...user, tool_calls: [call] }, 'messages.1.tool_calls: only an assistant calls tools'],
    [
      { ...answer, tool_calls: [{ ...call, type: 'web_search' }] },
      'messages.1.tool_calls.0.type: only functions can be called',
    ],
    [
      { ...answer, tool_calls: [{ ...call, function: { name: 'f', arguments: '{"id": 12345678901234567890}' } }] },
      'messages.1.tool_calls.0.function.arguments: the arguments of a call hold a whole number that is too large to be kept as it is',
    ],
  ])('is refused with %j, and not trained without it', (message, problem) => {
    const failure = failureOf(() => read(user, message, answer));
    expect(failure).toMatchObject({ code: 'DATASET_ROW_INVALID', row: 7 });
    expect(failure.message).toBe(
      `In line 7 of data.jsonl, column "messages" is no conversation to train on (${problem}).`,
    );
  });

  it('has the columns of its tools found, and calls taken in whatever form they are', () => {
    expect(read(user, { ...answer, tool_calls: [call] })).toEqual([user, { ...answer, tool_calls: [kept] }]);
    const { columns } = findFormat([row({ messages: [user], functions: [] })], undefined, 'f');
    expect(columns).toEqual({ messages: 'messages', tools: 'functions' });
  });

  it('has the text of its parts, when all of them are text', () => {
    const parts = (...texts: string[]) => texts.map((text) => ({ type: 'text', text }));
    expect(read({ ...user, content: parts('u', 'v') }, { ...answer, content: parts('a') })).toEqual([
      { ...user, content: 'uv' },
      answer,
    ]);
    const picture = [{ type: 'image_url', image_url: { url: 'https://x' } }];
    const { message } = failureOf(() => read({ ...user, content: picture }, answer));
    expect(message).toContain('parts other than text are not trained yet');
  });

  it.each([0, '0'])('keeps an answer of the weight %j without learning it', (weight) => {
    expect(read(user, { ...answer, weight }, { ...user, weight }, answer)).toEqual([
      user,
      { ...answer, train: false },
      user,
      answer,
    ]);
    expect(failureOf(() => read(user, { ...answer, weight })).message).toContain('no message of weight 1');
  });
});

describe("a row of OpenAI's chat form with tools", () => {
  const user = { role: 'user', content: 'u' };
  const answer = { role: 'assistant', content: 'a' };
  const call = { id: 'c', type: 'function', function: { name: 'f', arguments: { b: 1, a: null } } };
  const format: DataFormat = { name: 'chat', columns: { messages: 'messages', tools: 'tools' } };
  const read = (messages: unknown[], tools?: unknown) => readConversation({ messages, tools }, format, undefined);
  const conversationOf = (messages: unknown[], tools?: unknown) => {
    const row = read(messages, tools);
    return row.ok ? row.conversation : row.refusal;
  };

  it('has its tools even where the first rows have none, and no such column', () => {
    const rows = { messages: [user, answer], tools: [{ type: 'function', function: { name: 'f' } }] };
    const found = readConversation(rows, { name: 'chat', columns: { messages: 'messages' } }, undefined);
    expect(found).toMatchObject({ ok: true, conversation: { tools: rows.tools } });
  });

  it('keeps calls with their arguments as an object, what tools answer, and which call that is', () => {
    const asked = {
      role: 'assistant',
      content: null,
      tool_calls: [{ ...call, function: { name: 'f', arguments: '{"b":1,"a":null}' } }],
    };
    const told = { role: 'tool', content: '3', tool_call_id: 'c', name: 'f' };
    expect(conversationOf([user, asked, told, answer])).toEqual({
      messages: [user, { role: 'assistant', content: '', tool_calls: [call] }, told, answer],
    });
  });

  it('has the names of today, whatever older rows call them', () => {
    const asked = { role: 'assistant', content: '', function_call: { name: 'f', arguments: '{}' } };
    const functions = [{ name: 'f', parameters: { type: 'object' } }];
    const rows = [
      { role: 'developer', content: 's' },
      user,
      asked,
      { role: 'function', name: 'f', content: '3' },
      answer,
    ];
    expect(conversationOf(rows, functions)).toEqual({
      messages: [
        { role: 'system', content: 's' },
        user,
        { role: 'assistant', content: '', tool_calls: [{ type: 'function', function: { name: 'f', arguments: {} } }] },
        { role: 'tool', name: 'f', content: '3' },
        answer,
      ],
      tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }],
    });
  });

  it.each([
    [[{ type: 'function', function: { name: 'f', strict: true } }]],
    [JSON.stringify([{ type: 'function', function: { name: 'f', strict: true } }])],
  ])('takes tools as a list and as the text of one: %j', (tools) => {
    expect(conversationOf([user, answer], tools)).toMatchObject({
      tools: [{ type: 'function', function: { name: 'f', strict: true } }],
    });
  });

  it.each([[null], [[]], ['']])('has no tools where %j says so', (tools) => {
    expect(conversationOf([user, answer], tools)).toEqual({ messages: [user, answer] });
  });

  it.each([
    ['wrong-type', [user, answer], [{ type: 'function' }]],
    ['wrong-type', [user, answer], 'f'],
    ['wrong-role', [user, { role: 'tool', content: '3' }, answer], undefined],
    [
      'not-utf-8',
      [
        user,
        {
          role: 'assistant',
          content: '',
          tool_calls: [{ ...call, function: { name: 'f', arguments: '{"x":"\\ud800"}' } }],
        },
      ],
      undefined,
    ],
    ['not-utf-8', [user, { role: 'assistant', content: 'half \ud83d' }], undefined],
    ['answer-missing', [user, { role: 'assistant', content: ' ' }], undefined],
  ])('has the code %s in %j with the tools %j', (code, messages, tools) => {
    expect(read(messages, tools)).toMatchObject({ ok: false, refusal: { code } });
  });

  it('is another row when its tools or calls are others', () => {
    const digestOf = (messages: unknown[], tools?: unknown): string => {
      const row = read(messages, tools);
      if (!row.ok) throw new Error(row.refusal.problem);
      return conversationDigest(row.conversation);
    };
    const calls = (name: string) => [
      user,
      { ...answer, tool_calls: [{ type: 'function', function: { name, arguments: {} } }] },
    ];
    const digests = [
      digestOf([user, answer]),
      digestOf([user, answer], [{ name: 'f' }]),
      digestOf(calls('f')),
      digestOf(calls('g')),
    ];
    expect(new Set(digests).size).toBe(4);
  });
});

describe('a plain text', () => {
  const format: DataFormat = { name: 'text', columns: { text: 'text' } };

  it('is all that there is, and no conversation of the same words', () => {
    const read = toConversation(row({ text: 'Once upon a time.' }), format, undefined, 'f');
    expect(read).toEqual({ messages: [{ role: 'assistant', content: 'Once upon a time.' }], plain: true });
    expect(conversationDigest(read)).not.toBe(conversationDigest({ messages: read.messages }));
  });

  it.each([
    ['empty', ' '],
    ['empty', null],
    ['wrong-type', 3],
  ])('has the code %s in %j', (code, text) => {
    expect(readConversation({ text }, format, undefined)).toMatchObject({ ok: false, refusal: { code } });
  });
});

describe("a row of TRL's form with lists of messages", () => {
  const format: DataFormat = { name: 'question-answer', columns: { question: 'prompt', answer: 'completion' } };
  const user = { role: 'user', content: 'u' };
  const answer = { role: 'assistant', content: 'a' };
  const read = (columns: Record<string, unknown>) => toConversation(row(columns), format, 'theirs', 'f');

  it('is one conversation, of which the completion is learnt', () => {
    const prompt = [{ role: 'system', content: 's' }, user, answer, { role: 'user', content: 'v' }];
    expect(read({ prompt, completion: [{ ...answer, content: 'b' }] }).messages).toEqual([
      ...[{ role: 'system', content: 's' }, user, { ...answer, train: false }, { role: 'user', content: 'v' }],
      { role: 'assistant', content: 'b' },
    ]);
    const whole = [{ role: 'system', content: 'theirs' }, user, answer];
    expect(read({ prompt: [user], completion: 'a' }).messages).toEqual(whole);
    expect(read({ prompt: 'u', completion: [answer] }).messages).toEqual(whole);
  });

  it.each([
    [{ prompt: [], completion: [answer] }, 'column "prompt" holds no text, but a list'],
    [{ prompt: [user], completion: [user] }, 'column "prompt" and "completion" does not end with an assistant'],
    [{ prompt: [user], completion: null }, 'column "completion" holds no text'],
  ])('is refused when it is none: %j', (columns, problem) => {
    expect(failureOf(() => read(columns)).message).toContain(problem);
  });
});

describe("a row of ShareGPT's form", () => {
  const format: DataFormat = { name: 'sharegpt', columns: { messages: 'conversations' } };

  it('has the same messages under other names', () => {
    const conversations = [
      { from: 'system', value: 's' },
      { from: 'human', value: 'u' },
      { from: 'gpt', value: 'a' },
    ];
    expect(toConversation(row({ conversations }), format, undefined, 'f').messages).toEqual([
      { role: 'system', content: 's' },
      { role: 'user', content: 'u' },
      { role: 'assistant', content: 'a' },
    ]);
  });

  it('may have its roles in capitals', () => {
    const conversations = [
      { from: 'Human', value: 'u' },
      { from: 'GPT', value: 'a' },
    ];
    expect(toConversation(row({ conversations }), format, undefined, 'f').messages[1]?.role).toBe('assistant');
  });

  it('is known by itself, whatever the first rows are', () => {
    const messages = [
      { from: 'human', value: 'u' },
      { from: 'gpt', value: 'a' },
    ];
    const chat: DataFormat = { name: 'chat', columns: { messages: 'messages' } };
    expect(toConversation(row({ messages }), chat, undefined, 'f').messages[0]?.role).toBe('user');
  });
});

describe("a row of alpaca's form", () => {
  const format: DataFormat = {
    name: 'alpaca',
    columns: { question: 'instruction', input: 'input', answer: 'output' },
  };
  const asked = (input: unknown): string | undefined =>
    toConversation(row({ instruction: 'Add.', input, output: '3' }), format, undefined, 'f').messages[0]?.content;

  it('asks the instruction and its input', () => {
    expect(asked('1 and 2')).toBe('Add.\n\n1 and 2');
    expect([asked(''), asked(null)]).toEqual(['Add.', 'Add.']);
  });
});

describe('what is wrong with a row', () => {
  const qa: DataFormat = { name: 'question-answer', columns: { question: 'q', answer: 'a' } };
  const chat: DataFormat = { name: 'chat', columns: { messages: 'm' } };
  const turn = (role: string, content: unknown = role) => ({ role, content });

  it.each([
    ['empty', { q: ' ', a: 'a' }, qa],
    ['answer-missing', { q: 'q', a: '' }, qa],
    ['answer-missing', { q: 'q', a: null }, qa],
    ['wrong-type', { q: 'q', a: 3 }, qa],
    ['wrong-type', { m: 3 }, chat],
    ['empty', { m: [] }, chat],
    ['wrong-role', { m: [turn('robot'), turn('assistant')] }, chat],
    ['wrong-role', { m: [turn('user'), turn('tool'), turn('assistant')] }, chat],
    ['unsupported', { m: [turn('user'), { ...turn('assistant'), weight: 0.5 }] }, chat],
    ['answer-missing', { m: [turn('user'), turn('assistant', ' ')] }, chat],
    ['answer-missing', { m: [turn('assistant'), turn('user')] }, chat],
    ['duplicate-turn', { m: [turn('user'), turn('user'), turn('assistant')] }, chat],
  ])('has the code %s in %j', (code, columns, format) => {
    expect(readConversation(columns, format, undefined)).toMatchObject({ ok: false, refusal: { code } });
  });
});
