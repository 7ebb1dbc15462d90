import { describe, expect, it } from 'vitest';
import type { LoadedBenchmark } from '../benchmarks/load.benchmarks.js';
import { scoreNamed } from '../scoring/score.js';
import { batchesOf, batchName, questionsOf, readablePrompt, unanswered, type AnsweredQuestion } from './question.js';

const benchmark = (label: string, more: Partial<LoadedBenchmark> = {}): LoadedBenchmark => ({
  label,
  items: ['1', '2'].map((id) => ({ id, prompt: { prompt: `${label} ${id}` }, expected: id })),
  answerTokens: 8,
  stop: [],
  score: scoreNamed('exact'),
  settings: {},
  ...more,
});
const questions = questionsOf([benchmark('a'), benchmark('b', { answerTokens: 16 }), benchmark('c')]);
const stored = (index: number, subject: AnsweredQuestion['subject']): AnsweredQuestion => {
  const question = questions[index];
  if (!question) throw new Error('no such question');
  return { subject, benchmark: question.benchmark.label, itemId: question.itemId, promptDigest: question.digest };
};

describe('the questions of a run', () => {
  it('stand in one order, named apart', () => {
    expect(questions.map(({ key, position }) => `${position} ${key}`)).toEqual([
      '0 a/1',
      '1 a/2',
      '2 b/1',
      '3 b/2',
      '4 c/1',
      '5 c/2',
    ]);
  });
  it('are another question with another prompt, answer or setting', () => {
    const item = { id: '1', prompt: { prompt: 'p' }, expected: 'e' };
    const digests = [
      benchmark('a', { items: [item] }),
      benchmark('a', { items: [{ ...item, prompt: { prompt: 'q' } }] }),
      benchmark('a', { items: [{ ...item, expected: 'f' }] }),
      benchmark('a', { items: [item], answerTokens: 9 }),
      benchmark('a', { items: [item], stop: ['x'] }),
    ].map((one) => questionsOf([one])[0]?.digest);
    expect(new Set(digests).size).toBe(5);
  });
  it('are asked together when their settings are the same', () => {
    expect(batchesOf(questions).map((batch) => batch.map(({ key }) => key))).toEqual([
      ['a/1', 'a/2', 'c/1', 'c/2'],
      ['b/1', 'b/2'],
    ]);
  });
  it('are left to be asked unless this model has answered them', () => {
    const known = [stored(0, 'base'), stored(1, 'tuned'), stored(4, 'base')];
    expect(unanswered(questions, known, 'base').map(({ key }) => key)).toEqual(['a/2', 'b/1', 'b/2', 'c/2']);
    expect(unanswered(questions, known, 'tuned')).toHaveLength(5);
    expect(unanswered(questions, [{ ...stored(0, 'base'), failed: true }], 'base')).toHaveLength(6);
  });
  it('are refused when one is not what either model was asked', () => {
    const other = { ...stored(0, 'base'), promptDigest: 'another' };
    expect(() => unanswered(questions, [other], 'tuned')).toThrow('Item 1 of a is not the same for base and tuned.');
    expect(() => unanswered(questions.slice(1), [stored(0, 'tuned')], 'base')).toThrow('Item 1 of a');
  });
  it('name their asking by model and questions', () => {
    const names = [batchName('m', questions), batchName('n', questions), batchName('m', questions.slice(1))];
    expect(new Set(names).size).toBe(3);
    expect(batchName('m', [...questions])).toBe(names[0]);
  });
});

it('shows prompts as people read them', () => {
  expect(readablePrompt({ prompt: 'a' })).toBe('a');
  expect(readablePrompt({ messages: [{ role: 'user', content: 'b' }] })).toBe('b');
  const messages = [
    { role: 'system' as const, content: 'Be brief.' },
    { role: 'user' as const, content: 'b' },
  ];
  expect(readablePrompt({ messages })).toBe('system: Be brief.\n\nuser: b');
});
