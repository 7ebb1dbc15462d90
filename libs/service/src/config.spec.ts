import { Failure } from '@anneal/contracts';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { baseConfigShape, fileRootsShape, parseConfig, storeConfigShape } from './config.js';

const schema = z.object({ ...baseConfigShape, ...storeConfigShape, ...fileRootsShape });
const complete = {
  NATS_URL: 'nats://merger:pw@127.0.0.1:4222',
  POSTGRES_URL: 'postgres://merger:pw@127.0.0.1:5432/anneal',
  S3_ENDPOINT: 'http://127.0.0.1:8333',
  S3_ACCESS_KEY: 'key',
  S3_SECRET_KEY: 'secret',
};

function failureOf(environment: Record<string, string | undefined>): Failure {
  try {
    parseConfig(schema, environment);
  } catch (error) {
    if (error instanceof Failure) return error;
  }
  throw new Error('nothing failed');
}

describe('the configuration', () => {
  it('needs addresses and keys only', () => {
    expect(parseConfig(schema, complete)).toMatchObject({
      HTTP_HOST: '127.0.0.1',
      HTTP_PORT: 0,
      LEASE_SECONDS: 30,
      S3_BUCKET: 'anneal',
      FILE_ROOTS: [],
    });
  });

  it('takes what is empty as not given', () => {
    expect(parseConfig(schema, { ...complete, HTTP_PORT: '', S3_REGION: undefined }).HTTP_PORT).toBe(0);
  });

  it('reads numbers and lists, and passes over what belongs to others', () => {
    const given = { ...complete, HTTP_PORT: '8080', FILE_ROOTS: '/a:/b', PATH: '/bin' };
    const config = parseConfig(schema, given);
    expect(config).toMatchObject({ HTTP_PORT: 8080, FILE_ROOTS: ['/a', '/b'] });
    expect(config).not.toHaveProperty('PATH');
  });

  it('that is wrong is told with every variable at once, and without its values', () => {
    const failure = failureOf({
      ...complete,
      NATS_URL: undefined,
      POSTGRES_URL: 'mysql://root:hunter2@db/x',
      LOG_LEVEL: 'loud',
      HTTP_PORT: 'many',
      FILE_ROOTS: 'data',
    });
    expect(failure.code).toBe('CONFIG_INVALID');
    expect(failure.message).toContain('NATS_URL is missing');
    for (const name of ['POSTGRES_URL must', 'LOG_LEVEL', 'HTTP_PORT', 'FILE_ROOTS must']) {
      expect(failure.message).toContain(name);
    }
    expect(failure.message).not.toContain('hunter2');
  });
});
