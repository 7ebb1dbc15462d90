import { Failure } from '@anneal/contracts';

/** More levels than anything here has, and far fewer than those at which a reader runs out of stack. */
const mostLevels = 100;

/** What is wrong with the fields that {@link unstorableFields} names. */
export const whyUnstorable = 'has a NUL, half a surrogate pair, or too many levels';

/** Dotted names of what no database could keep; the readers of an event refuse it whole because of them. */
export function unstorableFields(value: unknown, at = '', level = 0): string[] {
  if (typeof value === 'string') return isText(value) ? [] : [at];
  if (typeof value !== 'object' || value === null) return [];
  if (level === mostLevels) return [at];
  return Object.entries(value).flatMap(([key, entry]) => {
    const name = at ? `${at}.${key}` : key;
    return isText(key) ? unstorableFields(entry, name, level + 1) : [name];
  });
}

/** @throws Failure REQUEST_INVALID that names the first field at fault */
export function requireStorable(value: unknown): void {
  const [field] = unstorableFields(value);
  if (field === undefined) return;
  throw new Failure('REQUEST_INVALID', `"${field}": ${whyUnstorable}.`, {
    remedy: 'Correct this field and send the request again.',
    field,
  });
}

/** PostgreSQL takes neither NUL nor half a surrogate pair. */
function isText(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}
