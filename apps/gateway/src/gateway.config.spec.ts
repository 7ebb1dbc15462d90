import { Failure } from '@anneal/contracts';
import { parseConfig } from '@anneal/service';
import { describe, expect, it } from 'vitest';
import { gatewayConfig } from './gateway.config.js';

const complete = {
  NATS_URL: 'nats://localhost:4222',
  POSTGRES_URL: 'postgres://localhost/anneal',
  S3_ENDPOINT: 'http://127.0.0.1:8333',
  S3_ACCESS_KEY: 'key',
  S3_SECRET_KEY: 'secret',
  API_KEY: 'k'.repeat(16),
};

describe('the configuration', () => {
  it('allows no page of another origin, and links to the store itself, unless told otherwise', () => {
    const read = parseConfig(gatewayConfig, complete);
    expect([read.CORS_ORIGINS, read.S3_PUBLIC_ENDPOINT]).toEqual([[], undefined]);
  });

  it.each(['*', 'example.com', 'https://example.com/path'])('takes no origin such as %s', (origin) => {
    const read = () => parseConfig(gatewayConfig, { ...complete, CORS_ORIGINS: origin });
    expect(read).toThrow(Failure);
    expect(read).toThrow(/CORS_ORIGINS/);
  });
});
