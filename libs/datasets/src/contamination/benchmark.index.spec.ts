import { describe, expect, it } from 'vitest';
import { RowWords } from '../words/row.words.js';
import { BenchmarkIndex, type ContaminatedText, type BenchmarkText } from './benchmark.index.js';

const words = (from: number, count: number): string =>
  Array.from({ length: count }, (_, index) => `word${from + index}`).join(' ');
const question = (item: string, text: string): BenchmarkText => ({ benchmark: 'b', item, text });
function findIn(index: BenchmarkIndex, text: string): ContaminatedText | undefined {
  let found: ContaminatedText | undefined;
  new RowWords().read([text], (words) => (found = index.find(words)));
  return found;
}
const found = (questions: BenchmarkText[], text: string, run = 13) => findIn(BenchmarkIndex.of(questions, run), text);

describe('a question of a benchmark', () => {
  const asked = [question('1', words(0, 30)), question('2', 'How many legs has a dog?')];

  it('is found in a long text by thirteen words running, whatever is between and around them', () => {
    const around = words(1000, 40);
    expect(found(asked, `${around}. ${words(5, 13).replaceAll(' ', ',  ')}! ${around}`)).toEqual({
      item: 0,
      by: 'shared-words',
    });
    expect(found(asked, `${around}. ${words(5, 12)}! ${around}`)).toBeUndefined();
  });

  it('is found in a short text by ten', () => {
    expect(found(asked, `${words(1000, 10)} ${words(5, 10)}`)).toEqual({ item: 0, by: 'shared-words' });
    expect(found(asked, `${words(1000, 10)} ${words(5, 9)}`)).toBeUndefined();
  });

  it('is found as a whole however short it is, and in capitals', () => {
    expect(found(asked, 'how many LEGS has a dog')).toEqual({ item: 1, by: 'same-text' });
    expect(found(asked, 'How many legs has a cat?')).toBeUndefined();
  });

  it('of few words is nobody’s own', () => {
    expect(found([question('1', 'Yes or no?')], 'Yes or no?')).toBeUndefined();
  });

  it('says nothing by a phrase that many questions share', () => {
    const stock = words(0, 20);
    const many = Array.from({ length: 6 }, (_, index) =>
      question(String(index), `${stock} ${words(100 * index + 100, 5)}`),
    );
    const others = Array.from({ length: 20 }, (_, index) => question(`o${index}`, words(10_000 + 100 * index, 30)));
    expect(found([...many, ...others], stock)).toBeUndefined();
    expect(found([...many.slice(0, 5), ...others], stock)).toEqual({ item: 0, by: 'shared-words' });
  });

  it('says nothing by the instruction that all questions of a small benchmark begin with', () => {
    const instruction = words(0, 20);
    const few = [0, 1].map((index) => question(String(index), `${instruction} ${words(100 * index + 100, 15)}`));
    expect(found(few, `${instruction} ${words(1000, 15)}`)).toBeUndefined();
    expect(found(few, `${words(2000, 30)} ${words(200, 15)}`)).toEqual({ item: 1, by: 'shared-words' });
  });

  it('is found by every worker in the same memory', () => {
    const shared = BenchmarkIndex.of(asked, 13).shared;
    expect(findIn(BenchmarkIndex.over(structuredClone(shared)), words(0, 30))).toEqual({ item: 0, by: 'same-text' });
  });
});
