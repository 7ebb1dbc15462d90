/** Words, as they are hashed; letters of rare scripts and emoji alike are part of them. */
const word = /[\p{L}\p{N}\u{10000}-\u{10ffff}]+/gu;

interface Word {
  readonly text: string;
  /** Where it begins. */
  readonly at: number;
}

/**
 * Where the longest run of words begins that two texts share.
 *
 * @param least words of a run that counts
 * @returns nothing when they share none
 */
export function sharedRun(text: string, other: string, least: number): { text: number; other: number } | undefined {
  const [words, others] = [wordsOf(text), wordsOf(other)];
  const places = new Map<string, number>();
  for (let at = 0; at + least <= others.length; at += 1) {
    const run = runAt(others, at, least);
    if (!places.has(run)) places.set(run, at);
  }
  let best: { text: number; other: number; length: number } | undefined;
  for (let at = 0; at + least <= words.length;) {
    const place = places.get(runAt(words, at, least));
    let length = place === undefined ? 0 : least;
    while (place !== undefined && isSame(words[at + length], others[place + length])) length += 1;
    if (place !== undefined && length > (best?.length ?? 0))
      best = { text: words[at]?.at ?? 0, other: others[place]?.at ?? 0, length };
    // Within a run there is only the rest of it.
    at += Math.max(1, length - least + 1);
  }
  return best;
}

function wordsOf(text: string): Word[] {
  return [...text.matchAll(word)].map((found) => ({ text: found[0].toLowerCase(), at: found.index }));
}

function runAt(words: readonly Word[], at: number, length: number): string {
  return words
    .slice(at, at + length)
    .map(({ text }) => text)
    .join(' ');
}

function isSame(one: Word | undefined, other: Word | undefined): boolean {
  return one !== undefined && one.text === other?.text;
}
