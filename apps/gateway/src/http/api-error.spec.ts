import { apiError, Failure } from '@anneal/contracts';
import { HttpException, NotFoundException } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { InvalidSpec } from '../runs/spec.check.js';
import { openaiBody } from '../openai/openai-error.js';
import { isGuarded } from './api-key.js';
import { nativeBody, toErrorAnswer } from './api-error.js';

describe('an error answer', () => {
  it('carries a failure with the status that fits its code', () => {
    const failure = new Failure('RUN_CONFLICT', 'Taken.', { remedy: 'Take another.', field: 'id' });
    expect(toErrorAnswer(failure)).toEqual({ status: 409, failure });
    expect(nativeBody(failure)).toEqual({ error: failure.toDetail() });
    expect(openaiBody(failure, 409)).toEqual({
      error: { message: 'Taken. Take another.', type: 'invalid_request_error', param: 'id', code: 'run_conflict' },
    });
  });

  it('lists every problem of a RunSpec', () => {
    const problems = [
      { field: 'model.base', message: 'is missing' },
      { field: 'name', message: 'is too long' },
    ];
    const { status, failure } = toErrorAnswer(new InvalidSpec(problems));
    expect(status).toBe(400);
    expect(nativeBody(failure).error).toMatchObject({ code: 'SPEC_INVALID', field: 'model.base', problems });
  });

  it.each([
    ['an unknown route', new NotFoundException('Cannot GET /etc/passwd'), 404],
    ['a body that is too large', new HttpException('FST_ERR_CTP_BODY_TOO_LARGE', 413), 413],
    ['an unknown content type', Object.assign(new Error('no parser'), { statusCode: 415 }), 415],
    ['another refusal of the framework', new HttpException('whatever', 405), 405],
    ['a bug', new TypeError('cannot read secret of undefined'), 500],
    ['a failing part of the framework', new HttpException('trace', 503), 500],
    ['a database that is away', Object.assign(new Error('connect to secret'), { code: 'ECONNREFUSED' }), 503],
    ['an unavailable store', new Failure('STORE_UNAVAILABLE', 'http://10.0.0.1 secret', { remedy: 'secret' }), 503],
  ])('has the one form for %s and tells nothing of the inside', (_what, error, status) => {
    const given = toErrorAnswer(error);
    expect(given.status).toBe(status);
    const body = nativeBody(given.failure);
    expect(apiError.parse(body)).toEqual(body);
    expect(JSON.stringify([body, openaiBody(given.failure, status)])).not.toMatch(/secret|passwd|trace|FST/);
  });
});

describe('a guard', () => {
  it('stands before every route but probes and metrics, however the path is spelt', () => {
    expect(isGuarded('/api/runs', '/%61pi/runs')).toBe(true);
    expect(isGuarded('/something/new', '/something/new')).toBe(true);
    expect(isGuarded('/health/live', '/health/live')).toBe(false);
    expect(isGuarded('/metrics', '/metrics')).toBe(false);
  });

  it('stands below /api and /v1 even where there is no route', () => {
    for (const path of ['/api/nothing', '/api?x=1', '/v1', '/v1/nothing'])
      expect(isGuarded(undefined, path)).toBe(true);
    expect(isGuarded(undefined, '/apiary')).toBe(false);
  });
});
