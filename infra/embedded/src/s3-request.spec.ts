import { describe, expect, it } from 'vitest';
import { signRequest } from './s3-request.js';

describe('a signed S3 request', () => {
  it('has the signature that another implementation computed for the same request', () => {
    const login = {
      endpoint: 'http://127.0.0.1:9000',
      accessKey: 'AKIDEXAMPLE',
      secretKey: 'secret',
      region: 'us-east-1',
    };
    const url = new URL('/bucket/.ready', login.endpoint);
    const headers = signRequest(login, 'PUT', url, 'ready', new Date('2026-01-02T03:04:05.678Z'));
    expect(headers['x-amz-date']).toBe('20260102T030405Z');
    expect(headers.authorization).toBe(
      'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=b5272b86714b565f73074d03b43ea5eaef099bdb4c5e39b0badc6a844aa80719',
    );
  });
});
