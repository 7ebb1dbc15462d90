import { expect, it } from 'vitest';
import { secretsIn } from './secrets.js';

it('finds a secret in whole and by a piece of it, and not what only looks like one', () => {
  const secrets = { key: 'abcdefghijklmnopqrst', password: '0123456789-secret' };
  expect(secretsIn('it was "abcdefghijklmnopqrst".', secrets)).toEqual(['key']);
  expect(secretsIn('ends in ijklmnopqrst; begins with 0123456789-s', secrets)).toEqual(['key', 'password']);
  expect(secretsIn('abcdefghijk 123456789-secre?', { key: 'abcdefghijklmnopqrst' })).toEqual([]);
  expect(() => secretsIn('', { short: 'abc' })).toThrow('too short');
});
