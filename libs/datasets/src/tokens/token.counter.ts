import { Tokenizer } from '@huggingface/tokenizers';

/** Words repeat; a bounded number of them is kept, so that a set of any size does not fill the memory. */
const mostCached = 200_000;
/** V8 makes longer pieces of a text point into it, so that each one kept would keep a whole row. */
const longestCached = 12;

/** Texts that go wrong when a tokenizer cannot be counted word by word: runs of spaces, line ends, digits, scripts, signs. */
const probes = [
  "It's 12345.67 kilometres, isn't it? We'll see: 3+4=7; x_1 = $\\frac{12}{345}$ and  two   spaces.",
  'Zeile eins\nZeile  zwei\n\n\tüber Größe ÉCOLE naïve \n  end ',
  '数学は楽しい。 1 と 2 を足す。 Привет, мир! مرحبا 👩‍🚀 ok',
  'def f(x):\n    return x ** 2  # comment\r\nprint(f(10))',
];

/**
 * Counts tokens as the tokenizer makes them. Most tokenizers never join what stands on two sides of a single blank; with
 * those, words are looked up instead of being encoded again. Whether that holds is tried on texts when the tokenizer is
 * opened, and where it does not, whole texts are encoded.
 */
export class TokenCounter {
  private readonly known = new Map<string, number>();
  private readonly byWords: boolean;

  private constructor(private readonly tokenizer: Tokenizer) {
    this.byWords = probes.every((text) => this.countByWords(text) === this.encoded(text));
  }

  /** @param files tokenizer.json and tokenizer_config.json as they were parsed */
  static open(tokenizer: object, config: object): TokenCounter {
    return new TokenCounter(new Tokenizer(tokenizer, config));
  }

  /** Tokens of a text without those that the tokenizer puts around every text. */
  count(text: string): number {
    if (!this.byWords) return this.encoded(text);
    let sum = 0;
    for (const section of this.sections(text)) {
      if (this.isAdded(section)) sum += 1;
      else if (section.length > 0) sum += this.countByWords(section);
    }
    return sum;
  }

  /** Tokens that the tokenizer puts around a text by itself. */
  get around(): number {
    return this.tokenizer.encode('', { add_special_tokens: true }).ids.length;
  }

  /** Whether the tokenizer ends every text with this token by itself. */
  endsWith(token: string): boolean {
    const { ids } = this.tokenizer.encode('x', { add_special_tokens: true });
    return this.isAdded(token) && ids.at(-1) === this.ids(token)[0];
  }

  ids(text: string): number[] {
    return this.tokenizer.encode(text, { add_special_tokens: false }).ids;
  }

  /** Whether a text is one token of its own, as the special ones are. */
  isAdded(text: string): boolean {
    return this.tokenizer.added_tokens_map.has(text);
  }

  private encoded(text: string): number {
    return this.ids(text).length;
  }

  private sections(text: string): string[] {
    const sections = this.tokenizer.splitter_unnormalized.split(text);
    // A token that takes the blanks beside it changes the texts around it.
    const takesBlanks = sections.some((section) => {
      const added = this.tokenizer.added_tokens_map.get(section);
      return added !== undefined && (added.lstrip || added.rstrip);
    });
    return takesBlanks ? [text] : sections;
  }

  private countByWords(text: string): number {
    let sum = 0;
    let from = 0;
    for (let at = text.indexOf(' ', 1); at >= 0; at = text.indexOf(' ', at + 1)) {
      if (!isPlain(text.charCodeAt(at - 1)) || !isPlain(text.charCodeAt(at + 1))) continue;
      sum += this.countWord(text.slice(from, at));
      from = at;
    }
    return sum + this.countWord(from === 0 ? text : text.slice(from));
  }

  private countWord(word: string): number {
    const before = this.known.get(word);
    if (before !== undefined) return before;
    const count = this.encoded(word);
    if (word.length > longestCached) return count;
    if (this.known.size >= mostCached) this.known.clear();
    this.known.set(word, count);
    return count;
  }
}

/** A printing character of ASCII other than a blank; NaN, at the ends of a text, is none. */
function isPlain(code: number): boolean {
  return code > 32 && code < 127;
}
