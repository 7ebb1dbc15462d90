/**
 * Percent-encoding of attribute values in headers, as the CloudEvents bindings for HTTP and NATS prescribe: space,
 * double quote, percent and everything outside printable ASCII.
 */
export function encodeHeaderValue(value: string): string {
  return value
    .toWellFormed()
    .replace(/[^\x21-\x7e]|["%]/gu, (character) =>
      [...Buffer.from(character, 'utf8')]
        .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
        .join(''),
    );
}

/** Reads an encoded value; a stray percent sign stays as it is. Undefined when the bytes are no UTF-8. */
export function decodeHeaderValue(text: string): string | undefined {
  // A sender may put the value into double quotes and escape with a backslash.
  const quoted = /^"((?:[^"\\]|\\.)*)"$/su.exec(text)?.[1];
  const plain = quoted === undefined ? text : quoted.replace(/\\(.)/gsu, '$1');
  const bytes: number[] = [];
  for (let at = 0; at < plain.length;) {
    const hex = /^%([0-9A-Fa-f]{2})/.exec(plain.slice(at, at + 3))?.[1];
    const character = String.fromCodePoint(plain.codePointAt(at) ?? 0);
    if (hex === undefined) bytes.push(...Buffer.from(character, 'utf8'));
    else bytes.push(Number.parseInt(hex, 16));
    at += hex === undefined ? character.length : 3;
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes));
  } catch {
    return undefined;
  }
}
