import { Failure } from '@anneal/contracts';
import { QueryFailedError } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { databaseError, isPassing } from './postgres-errors.js';

const coded = (code: string) => Object.assign(new Error('no'), { code });

describe('isPassing', () => {
  it.each(['08006', '57P01', '57P03', '40P01', '40001', '53300', '57014', 'ECONNREFUSED', 'ECONNRESET'])(
    '%s passes',
    (code) => {
      expect(isPassing(coded(code))).toBe(true);
      expect(isPassing(new QueryFailedError('SELECT 1', [], coded(code)))).toBe(true);
    },
  );

  it.each(['23505', '42P01', '42601', '28P01'])('%s stays', (code) => {
    expect(isPassing(coded(code))).toBe(false);
    expect(isPassing(new QueryFailedError('SELECT 1', [], coded(code)))).toBe(false);
  });

  it('is said of the socket of a server that is away, and of no other file that is missing', () => {
    expect(isPassing(Object.assign(coded('ENOENT'), { syscall: 'connect' }))).toBe(true);
    expect(isPassing(Object.assign(coded('ENOENT'), { syscall: 'open' }))).toBe(false);
  });

  it('knows what pg and TypeORM say without a code', () => {
    expect(isPassing(new Error('Connection terminated unexpectedly'))).toBe(true);
    expect(isPassing(new QueryFailedError('SELECT 1', [], new Error('Query read timeout')))).toBe(true);
    expect(isPassing(new Error('Query runner already released. Cannot run queries anymore.'))).toBe(true);
    expect(isPassing('text')).toBe(false);
  });
});

describe('databaseError', () => {
  it('turns a database that was away into a Failure and leaves the rest alone', () => {
    const own = new Error('mine');
    expect(databaseError(own)).toBe(own);
    expect(databaseError(coded('57P01'))).toMatchObject({ code: 'DATABASE_UNAVAILABLE', retryable: true });
    const failure = new Failure('INTERNAL', 'x', { remedy: 'y' });
    expect(databaseError(failure)).toBe(failure);
  });
});
