import { describe, expect, it } from 'vitest';
import { decodeHeaderValue, encodeHeaderValue } from './percent.js';

describe('attribute values in headers', () => {
  it('encodes the example of the CloudEvents specification', () => {
    expect(encodeHeaderValue('Euro € 😀')).toBe('Euro%20%E2%82%AC%20%F0%9F%98%80');
  });

  it.each(['Euro € 😀', 'plain', 'a%20b', '100%', '"quoted"', 'line\nbreak\r', '\u0000', '', 'é\u0301', '~!#$&|'])(
    'gives %j back',
    (value) => {
      const encoded = encodeHeaderValue(value);
      expect(encoded).toMatch(/^[\x21-\x7e]*$/);
      expect(encoded).not.toContain('"');
      expect(decodeHeaderValue(encoded)).toBe(value);
    },
  );

  it('replaces half a surrogate pair instead of failing', () => {
    expect(decodeHeaderValue(encodeHeaderValue('a\ud800b'))).toBe('a\ufffdb');
  });

  it.each([
    ['lower%20case%e2%82%ac', 'lower case€'],
    ['not encoded', 'not encoded'],
    ['raw €', 'raw €'],
    ['stray % sign %zz', 'stray % sign %zz'],
    ['once%2520only', 'once%20only'],
    ['"in \\"quotes\\" %20"', 'in "quotes"  '],
  ])('reads %j', (text, value) => {
    expect(decodeHeaderValue(text)).toBe(value);
  });

  it('refuses bytes that are no UTF-8', () => {
    expect(decodeHeaderValue('%E2%82')).toBeUndefined();
    expect(decodeHeaderValue('%C0%80')).toBeUndefined();
  });
});
