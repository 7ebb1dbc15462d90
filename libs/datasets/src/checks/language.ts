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

const none: readonly string[] = [];
const languageOfWord = new Map<string, string[]>();
for (const [language, words] of Object.entries(commonWords)) {
  for (const word of words.split(' ')) languageOfWord.set(word, [...(languageOfWord.get(word) ?? []), language]);
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
  const counts = new Map<string, number>();
  const lower = start.toLowerCase();
  // The same words, found some times as fast.
  for (const word of (isAscii ? lower.match(/[a-z]+/g) : lower.split(/[^\p{L}]+/u)) ?? []) {
    for (const language of languageOfWord.get(word) ?? none) counts.set(language, (counts.get(language) ?? 0) + 1);
  }
  const [best] = [...counts].toSorted(([a, one], [b, other]) => other - one || (a < b ? -1 : 1));
  return best && best[1] >= leastWords ? best[0] : 'undetermined';
}
