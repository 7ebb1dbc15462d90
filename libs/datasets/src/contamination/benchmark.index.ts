import { eachGram } from '../words/gram.hashes.js';
import { RowWords } from '../words/row.words.js';
import type { WordHashes } from '../words/word.hashes.js';
import { GramTable } from './gram.table.js';

/** A question of a benchmark that will judge the run. */
export interface BenchmarkText {
  readonly benchmark: string;
  readonly item: string;
  readonly text: string;
}

/** In a text of up to so many words, ten running say as much as thirteen do in a long one. */
const shortText = 40;
const wordsOfShortText = 10;
/**
 * A run of words that more questions than this share is a stock phrase, as is one that a quarter of a benchmark shares: own
 * sets often begin every question with the same instruction, and so do the rows that teach the task.
 */
const mostQuestions = 5;
const mostOfBenchmark = 1 / 4;
/** Questions of fewer words are told by their runs of no length, and too many texts are equal to them by chance. */
const leastWords = 4;

/** The index as it is handed to a worker. */
export interface SharedBenchmarkIndex {
  readonly words: number;
  readonly long: SharedArrayBuffer;
  readonly short: SharedArrayBuffer;
  readonly whole: SharedArrayBuffer;
}

export interface ContaminatedText {
  /** Place of the question in the list that the index was made of. */
  readonly item: number;
  readonly by: 'same-text' | 'shared-words';
}

/**
 * Finds benchmark questions in texts: by running words in lower case, of which the question and the text have to share
 * `words`, and by equality of all words.
 */
export class BenchmarkIndex {
  private constructor(
    private readonly words: number,
    private readonly long: GramTable,
    private readonly short: GramTable,
    private readonly whole: GramTable,
  ) {}

  static of(texts: readonly BenchmarkText[], wordsOfRun: number): BenchmarkIndex {
    const words = new RowWords();
    let runs = 0;
    for (const { text } of texts) words.read([text], ({ length }) => (runs += length));
    const index = new BenchmarkIndex(
      wordsOfRun,
      GramTable.forEntries(runs),
      GramTable.forEntries(runs),
      GramTable.forEntries(texts.length),
    );
    const sizes = new Map<string, number>();
    for (const { benchmark } of texts) sizes.set(benchmark, (sizes.get(benchmark) ?? 0) + 1);
    texts.forEach(({ benchmark, text }, item) => {
      const share = Math.max(1, Math.floor((sizes.get(benchmark) ?? 1) * mostOfBenchmark));
      const most = Math.min(mostQuestions, share);
      const add = (to: GramTable) => (first: number, second: number) => to.add(first, second, item, most);
      words.read([text], (hashes) => {
        eachGram(hashes, wordsOfRun, add(index.long));
        eachGram(hashes, index.wordsOfShort, add(index.short));
        if (hashes.length >= leastWords) index.whole.add(...wholeOf(hashes), item, mostQuestions);
      });
    });
    return index;
  }

  static over({ words, long, short, whole }: SharedBenchmarkIndex): BenchmarkIndex {
    return new BenchmarkIndex(words, GramTable.over(long), GramTable.over(short), GramTable.over(whole));
  }

  get shared(): SharedBenchmarkIndex {
    const { words, long, short, whole } = this;
    return { words, long: long.memory, short: short.memory, whole: whole.memory };
  }

  /** The first question that a text holds, by its words. */
  find(hashes: WordHashes): ContaminatedText | undefined {
    if (hashes.length >= leastWords) {
      const item = this.whole.find(...wholeOf(hashes));
      if (item >= 0) return { item, by: 'same-text' };
    }
    const isShort = hashes.length <= shortText;
    const table = isShort ? this.short : this.long;
    let found = -1;
    eachGram(hashes, isShort ? this.wordsOfShort : this.words, (first, second) => {
      if (found < 0) found = table.find(first, second);
    });
    return found < 0 ? undefined : { item: found, by: 'shared-words' };
  }

  private get wordsOfShort(): number {
    return leastShared(this.words);
  }
}

/** How many words running a text and its question share at least, however short the text is. */
export function leastShared(words: number): number {
  return Math.min(words, wordsOfShortText);
}

function wholeOf(hashes: WordHashes): [number, number] {
  let whole: [number, number] = [0, 0];
  eachGram(hashes, hashes.length, (first, second) => {
    whole = [first, second];
  });
  return whole;
}
