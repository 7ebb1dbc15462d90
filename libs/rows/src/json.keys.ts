const [quote, backslash, colon] = [0x22, 0x5c, 0x3a];

/**
 * Whether an object of a JSON text names a key twice. `JSON.parse` keeps the last of them without a word, so the keys that
 * it kept are counted against those that are written: every colon outside of a string stands behind one.
 *
 * @param value what the text was parsed to
 */
export function namesKeyTwice(text: string, value: unknown): boolean {
  return keysWritten(text) > keysIn(value);
}

function keysWritten(text: string): number {
  let keys = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === colon) keys += 1;
    else if (code === quote) at = endOfString(text, at + 1);
  }
  return keys;
}

function endOfString(text: string, from: number): number {
  for (let end = text.indexOf('"', from); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text.charCodeAt(end - slashes - 1) === backslash) slashes += 1;
    if (slashes % 2 === 0) return end;
  }
  return text.length;
}

function keysIn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let keys = 0;
  if (Array.isArray(value)) {
    for (const item of value as unknown[]) keys += keysIn(item);
    return keys;
  }
  for (const item of Object.values(value)) keys += 1 + keysIn(item);
  return keys;
}
