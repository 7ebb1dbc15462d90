/**
 * Parses bytes as JSON. Undefined when they are none, and when a string holds what PostgreSQL cannot store (NUL or half
 * a surrogate pair): such a message could never be persisted and would come back for ever.
 */
export function parseJson(bytes: Uint8Array): { value: unknown } | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    // A reviver is slow, and only an escape can smuggle such a character through a valid UTF-8 text.
    if (!/\\u(0000|d[89a-f])/i.test(text)) return { value: JSON.parse(text) as unknown };
    let storable = true;
    const value: unknown = JSON.parse(text, (key, item: unknown) => {
      if (!isStorable(key) || (typeof item === 'string' && !isStorable(item))) storable = false;
      return item;
    });
    return storable ? { value } : undefined;
  } catch {
    return undefined;
  }
}

function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

/** Dotted names of the fields that a schema passed over when it read an object. */
export function fieldsPassedOver(given: unknown, read: unknown, at = ''): string[] {
  if (!isRecord(given) || !isRecord(read)) return [];
  return Object.entries(given).flatMap(([key, value]) => {
    if (value === undefined) return [];
    const field = at ? `${at}.${key}` : key;
    return key in read ? fieldsPassedOver(value, read[key], field) : [field];
  });
}

/** Arrays count: their indices are keys. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
