import type { Outcome } from './outcome.js';

/** A value found in a text; wrapped, since `null` is a value too. */
interface Found {
  readonly value: unknown;
}

/**
 * Right when the answer's first JSON value equals the expected one. The value may stand in a code fence or in running
 * text. Compared by value: the order of keys and the way a number is written (1, 1.0, 1e0) do not matter, the order of
 * lists does. An answer without JSON is unparsed.
 */
export function scoreJson(answer: string, expected: string): Outcome {
  const wanted = parse(expected);
  const found = findJson(answer);
  if (!wanted || !found) return 'unparsed';
  return sameValue(found.value, wanted.value) ? 'correct' : 'wrong';
}

/**
 * How much of an expected object is in the answer's first JSON value: the keys of the same value, of all keys that either
 * of them has. Anything but two objects is the same or it is not.
 */
export function jsonShare(answer: string, expected: string): number {
  const wanted = parse(expected)?.value;
  const found = findJson(answer)?.value;
  if (!isRecord(wanted) || !isRecord(found)) return scoreJson(answer, expected) === 'correct' ? 1 : 0;
  const keys = new Set([...Object.keys(wanted), ...Object.keys(found)]);
  if (keys.size === 0) return 1;
  const same = [...keys].filter(
    (key) => Object.hasOwn(wanted, key) && Object.hasOwn(found, key) && sameValue(found[key], wanted[key]),
  );
  return same.length / keys.size;
}

/** Whether a text as a whole is JSON, as the expected side of this scoring has to be. */
export function isJson(text: string): boolean {
  return parse(text) !== undefined;
}

/**
 * The first JSON value of a text: the whole text, else the content of the first code fence that is JSON, else the first
 * object or list in the text. A bare number or word inside a sentence is not taken for a value.
 */
export function findJson(text: string): Found | undefined {
  return parse(text.trim()) ?? inFence(text) ?? inText(text);
}

function parse(text: string): Found | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return { value };
  } catch {
    return undefined;
  }
}

function inFence(text: string): Found | undefined {
  // Split instead of matched: a pattern that looks for the closing fence from each opening one would be quadratic.
  const parts = text.split('```');
  for (let index = 1; index < parts.length; index += 2) {
    const found = parse((parts[index] ?? '').replace(/^[A-Za-z0-9]*\r?\n/, '').trim());
    if (found) return found;
  }
  return undefined;
}

// An answer is at most some thousand tokens; this ends the search in one that is nothing but opening brackets.
const mostCharactersLookedAt = 2_000_000;

function inText(text: string): Found | undefined {
  let lookedAt = 0;
  for (const { index: start } of text.matchAll(/[{[]/g)) {
    const end = closingOf(text, start);
    lookedAt += (end ?? text.length) - start;
    const found = end === undefined ? undefined : parse(text.slice(start, end));
    if (found) return found;
    if (lookedAt > mostCharactersLookedAt) return undefined;
  }
  return undefined;
}

/** The place after the bracket that closes the one at `start`; brackets inside strings do not count. */
function closingOf(text: string, start: number): number | undefined {
  let depth = 0;
  let inString = false;
  for (let index = start; index < text.length; index += 1) {
    const character = text[index];
    if (inString) {
      if (character === '\\') index += 1;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === '{' || character === '[') depth += 1;
    else if (character === '}' || character === ']') {
      depth -= 1;
      if (depth === 0) return index + 1;
    }
  }
  return undefined;
}

function sameValue(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (Array.isArray(left) || Array.isArray(right)) {
    return (
      Array.isArray(left) &&
      Array.isArray(right) &&
      left.length === right.length &&
      left.every((entry, index) => sameValue(entry, right[index]))
    );
  }
  if (!isObject(left) || !isObject(right)) return false;
  const keys = Object.keys(left);
  return (
    keys.length === Object.keys(right).length &&
    keys.every((key) => Object.hasOwn(right, key) && sameValue(left[key], right[key]))
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return isObject(value) && !Array.isArray(value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
