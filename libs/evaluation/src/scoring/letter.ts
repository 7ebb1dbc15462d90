// The letter is found the way the benchmark's own Python script finds it. JavaScript's classes differ from Python's in
// three places: \s (it has U+FEFF and lacks \x1c-\x1f and \x85), "." (it stops at \r, U+2028 and U+2029 too) and \b (it
// knows only ASCII letters). They are therefore spelled out.
const pythonSpace = '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';

const answerIs = /answer is \(?([A-J])\)?/;
// The letter is only looked at: in "answer: Answer: B" the next place begins where this one's letter stands.
const answerColon = new RegExp(`[aA]nswer:(?=${pythonSpace}*([A-J]))`, 'g');
const standsAlone = /(?<![\p{L}\p{N}_])[A-J](?![\p{L}\p{N}_])/gu;

/** How a letter was found; 0 is not at all. */
export type ExtractionStep = 0 | 1 | 2 | 3;

/**
 * The letter that an answer gives: after "answer is", else after the last "answer:" of the first line that has one, else
 * the last letter from A to J that stands alone. No guess is made when there is none.
 */
export function extractLetter(text: string): { letter: string | null; step: ExtractionStep } {
  const first = answerIs.exec(text)?.[1];
  if (first !== undefined) return { letter: first, step: 1 };
  const second = afterColon(text);
  if (second !== undefined) return { letter: second, step: 2 };
  const third = [...text.matchAll(standsAlone)].at(-1)?.[0];
  return third === undefined ? { letter: null, step: 0 } : { letter: third, step: 3 };
}

function afterColon(text: string): string | undefined {
  let letter: string | undefined;
  let lineEnd = -1;
  for (const match of text.matchAll(answerColon)) {
    if (letter === undefined) lineEnd = text.indexOf('\n', match.index);
    else if (lineEnd >= 0 && match.index > lineEnd) break;
    letter = match[1];
  }
  return letter;
}
