import { Tokenizer } from '@huggingface/tokenizers';
import { PieceCounts } from './piece.counts.js';

/** Texts that go wrong when a tokenizer cannot be counted word by word: runs of spaces, line ends, digits, scripts, signs. */
const probes = [
  "It's 12345.67 kilometres, isn't it? We'll see: 3+4=7; x_1 = $\\frac{12}{345}$ and  two   spaces.",
  'Zeile eins\nZeile  zwei\n\n\tüber Größe ÉCOLE naïve \n  end ',
  '数学は楽しい。 1 と 2 を足す。 Привет, мир! مرحبا 👩‍🚀 ok',
  'def f(x):\n    return x ** 2  # comment\r\nprint(f(10))',
  "$341x^5+12y_{n3}$ a1b22c333d4444 (x) [y] {z} \"q\" `r` 'S' 'LL I'LL it's_ok -5.6e-7 %3A #!? http://a.b/c?d=e&f=1",
  'camelCase HTTPServer2Go x86_64 v1.2.3-rc4 100% $5 €6 7€ a/b\\c ... --flag=1 ;; (1) a) b.c ,d',
];

/**
 * Where a text may be cut so that the tokens of its pieces are those of the whole: nowhere, before single blanks, around
 * digits and behind letters too, or wherever letters, digits and signs meet.
 */
type Cuts = 'none' | 'blanks' | 'digits' | 'kinds';

/**
 * Counts tokens as the tokenizer makes them. Most tokenizers never join what stands on two sides of a single blank, and those
 * that split texts by a regular expression hardly what is of two kinds; with those, pieces are looked up instead of being
 * encoded again. Whether that holds is tried on texts when the tokenizer is opened, and where it does not, whole texts are
 * encoded.
 */
export class TokenCounter {
  private readonly known = new PieceCounts();
  private cuts: Cuts = 'none';

  private constructor(
    private readonly tokenizer: Tokenizer,
    file: object,
  ) {
    // Without such a split, any two letters may be joined, whatever a few texts show.
    const splitsByKind = 'pre_tokenizer' in file && JSON.stringify(file.pre_tokenizer).includes('"ByteLevel"');
    for (const cuts of splitsByKind ? (['kinds', 'digits', 'blanks'] as const) : (['blanks'] as const)) {
      this.cuts = cuts;
      if (probes.every((text) => this.countByPieces(text) === this.encoded(text))) return;
      this.known.clear();
    }
    this.cuts = 'none';
  }

  /** @param files tokenizer.json and tokenizer_config.json as they were parsed */
  static open(tokenizer: object, config: object): TokenCounter {
    return new TokenCounter(new Tokenizer(tokenizer, config), tokenizer);
  }

  /** Tokens of a text without those that the tokenizer puts around every text. */
  count(text: string): number {
    if (this.cuts === 'none') return this.encoded(text);
    let sum = 0;
    for (const section of this.sections(text)) {
      if (this.isAdded(section)) sum += 1;
      else if (section.length > 0) sum += this.countByPieces(section);
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

  private countByPieces(text: string): number {
    const { known } = this;
    let sum = 0;
    let from = 0;
    let before = kindAt(text, 0);
    known.begin();
    known.take(text.charCodeAt(0));
    for (let at = 1; at < text.length; at += 1) {
      const kind = kindAt(text, at);
      if (this.mayCut(before, kind, text, at)) {
        sum += this.countPiece(text, from, at);
        from = at;
        known.begin();
      }
      known.take(text.charCodeAt(at));
      before = kind;
    }
    return sum + this.countPiece(text, from, text.length);
  }

  /** Whether a text may be cut before a place. A blank belongs to what follows it, an apostrophe to both sides. */
  private mayCut(before: number, kind: number, text: string, at: number): boolean {
    if (kind === blank) return isPlain(before) && isPlain(kindAt(text, at + 1));
    if (before === kind || this.cuts === 'blanks' || !isPlain(kind) || !isPlain(before)) return false;
    if (kind === digit || before === digit) return true;
    return (this.cuts === 'kinds' || before === letter) && !isApostrophe(text, at - 1) && !isApostrophe(text, at);
  }

  /** Of the piece that has just been taken letter by letter. */
  private countPiece(text: string, from: number, to: number): number {
    const before = this.known.get();
    if (before >= 0) return before;
    // Encoding hashes no further pieces, so that this one is still the one that was taken.
    const count = this.encoded(text.slice(from, to));
    this.known.set(count);
    return count;
  }
}

const [other, blank, letter, digit, sign] = [0, 1, 2, 3, 4];
/** What a character of ASCII is; what is none, and line ends, are others. */
const kinds = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  if (character === ' ') return blank;
  if (/[A-Za-z]/.test(character)) return letter;
  if (/\d/.test(character)) return digit;
  return code > 32 && code < 127 ? sign : other;
});

function kindAt(text: string, at: number): number {
  return kinds[text.charCodeAt(at)] ?? other;
}

function isPlain(kind: number): boolean {
  return kind >= letter;
}

function isApostrophe(text: string, at: number): boolean {
  return text.charCodeAt(at) === 0x27;
}
