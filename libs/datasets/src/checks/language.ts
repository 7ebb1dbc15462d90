/** Enough of a text to tell its language, and short enough to look at every row. */
const looksAt = 400;
/** Fewer known words than this say nothing. */
const leastWords = 3;

const scripts: readonly (readonly [string, RegExp])[] = [
  ['Japanese', /[\p{Script=Hiragana}\p{Script=Katakana}]/u],
  ['Chinese', /\p{Script=Han}/u],
  ['Korean', /\p{Script=Hangul}/u],
  ['Russian or another Cyrillic', /\p{Script=Cyrillic}/u],
  ['Arabic', /\p{Script=Arabic}/u],
  ['Hebrew', /\p{Script=Hebrew}/u],
  ['Greek', /\p{Script=Greek}{3}/u],
  ['Hindi or another Devanagari', /\p{Script=Devanagari}/u],
  ['Thai', /\p{Script=Thai}/u],
];

/** The commonest words of some languages, without those that two of them share. */
const commonWords: Readonly<Record<string, string>> = {
  English: 'the of and to that with for was by from have this which you are is be what how',
  German: 'der und das ist nicht ein eine mit sich auf dem den wird auch wie oder von zu wenn',
  French: 'le les des est une dans qui que pour pas sur avec ce il sont nous vous du au',
  Spanish: 'el los las una por con para como pero su del más este se lo al hay ser muy',
  Italian: 'il di che è della per sono gli con una nel alla anche più dei non questo delle lo',
  Portuguese: 'os do da em um uma não para com mais dos como mas foi ao ele das seu são',
  Dutch: 'het een van niet dat zijn voor op met aan er maar om ook dan bij naar deze wordt',
};

const languages = Object.keys(commonWords);
/** A bit for each language that has a word among its commonest, in the order of their names. */
const languagesOfWord = new Map<string, number>();
for (const [index, language] of languages.entries()) {
  for (const word of (commonWords[language] ?? '').split(' '))
    languagesOfWord.set(word, (languagesOfWord.get(word) ?? 0) | (1 << index));
}

/** Letters of a word that has a number of its own, five bits a letter. No common word is longer. */
const mostLetters = 6;
const bitsOfLetter = 5;
const beforeLetters = 'a'.charCodeAt(0) - 1;
/**
 * The same by the number of a word in Latin letters, in cells of a hash table: to make a string of each word would take most
 * of the time.
 */
const cellBits = 9;
const cellMask = (1 << cellBits) - 1;
const numbers = new Int32Array(cellMask + 1);
const languagesOfNumber = new Uint8Array(cellMask + 1);
for (const [word, bits] of languagesOfWord) {
  if (!/^[a-z]{1,6}$/.test(word)) continue;
  const number = [...word].reduce((before, letter) => withLetter(before, letter.charCodeAt(0) - beforeLetters), 0);
  const cell = cellOf(number);
  numbers[cell] = number;
  languagesOfNumber[cell] = bits;
}

function withLetter(number: number, letter: number): number {
  return (number << bitsOfLetter) | letter;
}

/** Where a number is, or would be. */
function cellOf(number: number): number {
  let cell = Math.imul(number, 0x9e3779b1) >>> (32 - cellBits);
  while (numbers[cell] !== 0 && numbers[cell] !== number) cell = (cell + 1) & cellMask;
  return cell;
}

/** The language of a text by its script and its commonest words; "undetermined" when neither tells. */
export function languageOf(text: string): string {
  const start = text.slice(0, looksAt);
  // eslint-disable-next-line no-control-regex -- ASCII, which no other script uses
  const isAscii = !/[^\x00-\x7f]/.test(start);
  if (!isAscii) {
    const script = scripts.find(([, characters]) => characters.test(start));
    if (script) return script[0];
  }
  const counts = new Uint16Array(languages.length);
  if (isAscii) countAscii(start, counts);
  else for (const word of start.toLowerCase().split(/[^\p{L}]+/u)) count(languagesOfWord.get(word) ?? 0, counts);
  return mostOf(counts);
}

function countAscii(text: string, counts: Uint16Array): void {
  let [number, letters] = [0, 0];
  for (let at = 0; at <= text.length; at += 1) {
    // The same for a small letter and its capital.
    const letter = at < text.length ? (text.charCodeAt(at) | 0x20) - beforeLetters : 0;
    if (letter >= 1 && letter <= 26) {
      number = withLetter(number, letter);
      letters += 1;
    } else if (letters > 0) {
      const bits = letters <= mostLetters ? (languagesOfNumber[cellOf(number)] ?? 0) : 0;
      if (bits !== 0) count(bits, counts);
      number = letters = 0;
    }
  }
}

function count(bits: number, counts: Uint16Array): void {
  for (let index = 0, left = bits; left !== 0; index += 1, left >>>= 1)
    if ((left & 1) === 1) counts[index] = (counts[index] ?? 0) + 1;
}

/** Of languages with as many words the first in the alphabet. */
function mostOf(counts: Uint16Array): string {
  let [language, most] = ['undetermined', leastWords - 1];
  for (const [index, name] of languages.entries()) {
    const count = counts[index] ?? 0;
    if (count > most || (count === most && most >= leastWords && name < language)) [language, most] = [name, count];
  }
  return language;
}
