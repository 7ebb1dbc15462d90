/** Letters of scripts that put no blanks between their words. */
const unspaced =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/gu;
/** Words of them rarely have more. */
const lettersOfWord = 4;
/** Enough of a text to see that it has more words than one. */
const looksAt = 64;

/** Whether a text is a single word, number or formula. */
export function isOneWord(text: string): boolean {
  const trimmed = text.trim();
  if (/\s/.test(trimmed)) return false;
  return (trimmed.slice(0, looksAt).match(unspaced) ?? []).length <= lettersOfWord;
}
