import type { Outcome } from './outcome.js';

/** By how much a number may differ and still be right: the larger of the two counts. */
export interface Tolerance {
  readonly absolute: number;
  /** Share of the expected number. */
  readonly relative: number;
}

// A sign belongs to a number only when nothing stands before it that could be subtracted from. Every part may be left
// out or taken in one way only, so that no text makes the search go back.
const numberForm = /(?:(?<![\p{L}\p{N}_)])[-+\u2212])?(?:\d[\d,]*(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?/gu;

/**
 * Right when the last number of the answer is the expected one, up to the tolerance. Commas between groups of three
 * digits are passed over. An answer without a finite number is unparsed.
 */
export function scoreNumber(answer: string, expected: string, tolerance: Tolerance): Outcome {
  const found = lastNumber(answer);
  const wanted = lastNumber(expected);
  if (found === undefined || wanted === undefined) return 'unparsed';
  const allowed = Math.max(tolerance.absolute, tolerance.relative * Math.abs(wanted));
  return Math.abs(found - wanted) <= allowed ? 'correct' : 'wrong';
}

/** Whether a text is one finite number and nothing else, as the expected side of this scoring has to be. */
export function isNumber(text: string): boolean {
  const match = text.trim().match(numberForm);
  return match?.length === 1 && match[0] === text.trim() && lastNumber(text) !== undefined;
}

function lastNumber(text: string): number | undefined {
  const last = [...text.matchAll(numberForm)].at(-1)?.[0];
  if (last === undefined) return undefined;
  const value = Number(withoutGroups(last.replace('\u2212', '-')));
  return Number.isFinite(value) ? value : undefined;
}

/** In "1,234" the comma parts groups of digits; in "3,4" it parts numbers, and the last one is meant. */
function withoutGroups(text: string): string {
  if (!text.includes(',')) return text;
  const groups = /^([-+]?\d{1,3}(?:,\d{3})+)([^,]*)$/.exec(text);
  if (groups) return `${(groups[1] ?? '').replaceAll(',', '')}${groups[2] ?? ''}`;
  return text.replace(/,+$/, '').split(',').at(-1) ?? '';
}
