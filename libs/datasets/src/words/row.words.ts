import { hashWords, WordHashes } from './word.hashes.js';

/** The words of a row, read once for all that is made of them. The memory is used again for the next row. */
export class RowWords {
  /** Words, numbers and signs of all texts, in order. */
  readonly tokens = new WordHashes();
  private readonly words = new WordHashes();

  /** @param look is shown the words and numbers of each text, without its signs */
  read(texts: readonly string[], look?: (words: WordHashes, text: string) => void): void {
    this.tokens.clear();
    for (const text of texts) {
      this.words.clear();
      hashWords(text, this.words, this.tokens);
      look?.(this.words, text);
    }
  }
}
