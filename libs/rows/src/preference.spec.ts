import { Failure } from '@anneal/contracts';
import { describe, expect, it } from 'vitest';
import { findFormat, type DataFormat } from './format.js';
import type { PreferencePair } from './preference.js';
import { conversationsOf, readTrainingRow, rowDigest, toTrainingRow } from './training.row.js';

const row = (columns: Record<string, unknown>, number = 1) => ({ number, unit: 'line' as const, columns });
const user = (content: string) => ({ role: 'user', content }) as const;
const assistant = (content: string) => ({ role: 'assistant', content }) as const;
const system = (content: string) => ({ role: 'system', content }) as const;

const formatOf = (columns: Record<string, unknown>, wanted?: Record<string, string>): DataFormat =>
  findFormat([row(columns)], wanted, 'd.jsonl', 'dpo');
/** The pair of a row whose form is found by looking at it. */
const pairOf = (columns: Record<string, unknown>, wanted?: Record<string, string>, prompt?: string) =>
  toTrainingRow(row(columns), formatOf(columns, wanted), prompt, 'd.jsonl');

function failureOf(act: () => unknown): Failure {
  try {
    act();
  } catch (error) {
    if (error instanceof Failure) return error;
  }
  throw new Error('nothing failed');
}

describe('the form of preference pairs', () => {
  const pair: PreferencePair = { messages: [user('Why?')], chosen: 'So.', rejected: 'No.' };

  it.each([
    ['texts', { prompt: 'Why?', chosen: 'So.', rejected: 'No.' }],
    ['texts under other names', { question: 'Why?', chosen_response: 'So.', rejected_response: 'No.' }],
    [
      "OpenAI's rows",
      {
        input: { messages: [user('Why?')], tools: [], parallel_tool_calls: true },
        preferred_output: [assistant('So.')],
        non_preferred_output: [assistant('No.')],
      },
    ],
    [
      'a prompt and answers as messages',
      {
        prompt: [user('Why?')],
        chosen: [assistant('So.')],
        rejected: [assistant('No.')],
      },
    ],
    [
      'messages and one message each',
      { messages: [user('Why?')], chosen: assistant('So.'), rejected: assistant('No.') },
    ],
    ['whole conversations', { chosen: [user('Why?'), assistant('So.')], rejected: [user('Why?'), assistant('No.')] }],
    [
      'whole conversations with their prompt beside them',
      {
        prompt: 'Why?',
        messages: [user('Why?'), assistant('So.')],
        chosen: [user('Why?'), assistant('So.')],
        rejected: [user('Why?'), assistant('No.')],
      },
    ],
    [
      "ShareGPT's names",
      {
        conversations: [{ from: 'human', value: 'Why?' }],
        chosen: { from: 'gpt', value: 'So.' },
        rejected: { from: 'gpt', value: 'No.' },
      },
    ],
  ])('is found by looking: %s', (_, columns) => {
    expect(pairOf(columns)).toEqual(pair);
  });

  it('is told by the first row that has answers', () => {
    const whole = { prompt: 'anything', chosen: [user('Why?'), assistant('So.')], rejected: [] };
    const rows = [{ ...whole, chosen: [] }, whole].map((columns) => row(columns));
    expect(findFormat(rows, undefined, 'd', 'dpo').columns).toEqual({ chosen: 'chosen', rejected: 'rejected' });
  });

  it('has the system prompt of its column', () => {
    const { messages } = pairOf({ system: 'Be kind.', prompt: 'Why?', chosen: 'So.', rejected: 'No.' });
    expect(messages).toEqual([system('Be kind.'), user('Why?')]);
  });

  it('may have answers that are JSON lists', () => {
    const [chosen, rejected] = ['[{"name": "Ada"}]', '[{"name": "Eve"}]'];
    expect(pairOf({ prompt: 'Why?', chosen, rejected })).toEqual({ ...pair, chosen, rejected });
  });

  it('is named as the official one is', () => {
    const openai = { input: { messages: [] }, preferred_output: [], non_preferred_output: [] };
    expect(formatOf(openai)).toEqual({
      name: 'openai-preference',
      columns: { prompt: 'input', chosen: 'preferred_output', rejected: 'non_preferred_output' },
    });
    expect(formatOf({ prompt: '', chosen: '', rejected: '' }).name).toBe('preference');
  });

  it('is what the RunSpec says, when it says so', () => {
    const columns = { a: 'Why?', b: 'So.', c: 'No.', d: 'Be brief.', chosen: 'other', rejected: 'other' };
    expect(pairOf(columns, { prompt: 'a', chosen: 'b', rejected: 'c', system: 'd' })).toEqual({
      ...pair,
      messages: [system('Be brief.'), user('Why?')],
    });
  });

  it('takes the system prompt of the RunSpec where a row has none', () => {
    const columns = { prompt: 'Why?', chosen: 'So.', rejected: 'No.', system: '' };
    const wanted = { system: 'system' };
    expect(pairOf(columns, wanted, 'Be brief.').messages[0]).toEqual(system('Be brief.'));
    expect(pairOf({ ...columns, system: 'Be long.' }, wanted, 'Be brief.').messages[0]).toEqual(system('Be long.'));
  });

  it.each([
    [{ messages: [user('q'), assistant('a')] }, 'training.objective', 'one answer each'],
    [{ question: 'q', answer: 'a' }, 'training.objective', 'one answer each'],
    [{ prompt: 'p', chosen: 'c' }, 'dataset.columns.rejected', 'beside "chosen"'],
    [{ prompt: 'p', rejected: 'c' }, 'dataset.columns.chosen', 'beside "rejected"'],
    [{ chosen: 'c', rejected: 'r' }, 'dataset.columns.prompt', 'no whole conversations'],
    [{ x: 1 }, 'dataset.columns', 'No column holds chosen and rejected answers'],
  ])('is asked for when %j comes instead', (columns, field, message) => {
    const failure = failureOf(() => formatOf(columns));
    expect(failure).toMatchObject({ code: 'DATASET_COLUMN_MISSING', field, file: 'd.jsonl' });
    expect(failure.message).toContain(message);
    expect(failure.remedy.length).toBeGreaterThan(10);
  });

  it('is told apart from rows with one answer, whichever of the two is wanted', () => {
    const failure = failureOf(() => findFormat([row({ prompt: 'p', chosen: 'c', rejected: 'r' })], undefined, 'd'));
    expect(failure).toMatchObject({ code: 'DATASET_COLUMN_MISSING', field: 'training.objective' });
    expect(failure.message).toContain('These are preference pairs');
    expect(failure.remedy).toContain('training.objective to dpo');
  });
});

describe('a preference pair', () => {
  const good = { prompt: 'Why?', chosen: 'So.', rejected: 'No.' };
  const declared = { type: 'function', function: { name: 'f' } };
  const call = { type: 'function', function: { name: 'f', arguments: '{}' } };
  const format = formatOf(good);
  const refusalOf = (columns: Record<string, unknown>) => {
    const read = readTrainingRow(columns, format, undefined);
    return read.ok ? undefined : read.refusal;
  };

  it.each([
    ['chosen-missing', { chosen: null }, 'column "chosen" has no answer'],
    ['chosen-missing', { chosen: ' ' }, 'column "chosen" has no answer'],
    ['chosen-missing', { chosen: [assistant('')] }, 'the answer in column "chosen" is empty'],
    ['rejected-missing', { rejected: [] }, 'column "rejected" has no answer'],
    ['rejected-missing', { rejected: undefined }, 'column "rejected" has no answer'],
    ['answers-equal', { rejected: 'So.' }, 'have the same answer'],
    ['prompts-differ', { chosen: [user('What?'), assistant('So.')] }, 'do not start from the same prompt'],
    [
      'prompts-differ',
      {
        chosen: [user('What?'), assistant('So.')],
        rejected: [user('What?'), assistant('No.')],
      },
      'columns "chosen" and "prompt" do not start from the same prompt',
    ],
    ['empty', { prompt: '' }, 'column "prompt" is empty'],
    ['empty', { prompt: [user(' ')] }, 'message 1 in column "prompt" is empty'],
    ['wrong-role', { prompt: [user('q'), assistant('a')] }, 'does not end with a user message'],
    ['wrong-role', { chosen: [user('Why?')] }, 'does not end with an assistant message'],
    ['wrong-role', { prompt: [{ role: 'robot', content: 'q' }] }, 'prompt.0.role'],
    ['wrong-type', { chosen: 4 }, 'column "chosen" is no conversation'],
    ['wrong-type', { chosen: '[{"role":"assistant"}]' }, 'written as text'],
    ['unsupported', { chosen: [assistant('So.'), assistant('And so.')] }, 'has 2 answers'],
    ['unsupported', { chosen: { ...assistant('So.'), weight: 0 } }, 'has the weight 0'],
    ['unsupported', { prompt: [user('q'), { role: 'tool', content: 't' }] }, 'pairs with tools are not trained yet'],
    [
      'unsupported',
      { chosen: [{ ...assistant(''), tool_calls: [call] }] },
      'message 1 in column "chosen" calls a tool',
    ],
    ['unsupported', { prompt: { messages: [user('Why?')], tools: [declared] } }, 'column "prompt.tools" has tools'],
    ['not-utf-8', { rejected: 'a\ud800' }, 'half of a character'],
  ])('is refused as %s for %j', (code, change, problem) => {
    expect(refusalOf({ ...good, ...change })).toMatchObject({ code });
    expect(refusalOf({ ...good, ...change })?.problem).toContain(problem);
  });

  it('with tools in a column of their own is refused, and with an empty one is not', () => {
    const read = (tools: unknown) => readTrainingRow({ ...good, tools }, format, undefined);
    expect(read([declared])).toMatchObject({ ok: false, refusal: { code: 'unsupported' } });
    for (const none of [null, [], '', '[]']) expect(read(none)).toMatchObject({ ok: true });
  });

  it('without anything that was asked is refused', () => {
    const conversations = { chosen: [user('Why?'), assistant('So.')], rejected: [user('Why?'), assistant('No.')] };
    const read = readTrainingRow({ ...conversations, rejected: 'No.' }, formatOf(conversations), undefined);
    expect(read).toMatchObject({ ok: false, refusal: { code: 'empty' } });
  });

  it('learns from the last answers only, whatever was said before', () => {
    const prompt = [user('a'), assistant('b'), user('c')];
    const [chosen, rejected] = conversationsOf(pairOf({ prompt, chosen: 'd', rejected: 'e' }));
    expect(chosen?.messages.map(({ train }) => train)).toEqual([undefined, false, undefined, undefined]);
    expect([chosen?.messages.at(-1), rejected?.messages.at(-1)]).toEqual([assistant('d'), assistant('e')]);
  });

  it('has the same digest in whatever form it came, and another one when its answers change places', () => {
    const one = rowDigest(pairOf(good));
    expect(
      rowDigest(pairOf({ chosen: [user('Why?'), assistant('So.')], rejected: [user('Why?'), assistant('No.')] })),
    ).toBe(one);
    expect(rowDigest(pairOf({ ...good, chosen: 'No.', rejected: 'So.' }))).not.toBe(one);
  });
});
