import { Failure, type ApiError, type FailureCode } from '@anneal/contracts';
import { HttpException } from '@nestjs/common';
import { InvalidSpec } from '../runs/spec.check.js';

export interface ErrorAnswer {
  readonly status: number;
  readonly body: ApiError;
}

const statusByCode: Partial<Record<FailureCode, number>> = {
  SPEC_INVALID: 400,
  SPEC_UNSUPPORTED: 400,
  UNAUTHORIZED: 401,
  RUN_NOT_FOUND: 404,
  ARTIFACT_MISSING: 404,
  RUN_CONFLICT: 409,
  STORE_UNAVAILABLE: 503,
  DATABASE_UNAVAILABLE: 503,
  BROKER_UNAVAILABLE: 503,
};

/** Failures whose own message names addresses and causes that are no caller's business. */
const internal: Partial<Record<FailureCode, string>> = {
  STORE_UNAVAILABLE: 'The object store cannot be used at the moment.',
  DATABASE_UNAVAILABLE: 'The database cannot be used at the moment.',
  BROKER_UNAVAILABLE: 'The broker cannot be used at the moment.',
  CONFIG_INVALID: 'The service is not set up for this.',
  INTERNAL: 'Something unexpected happened.',
};

const unexpected: Failure = new Failure('INTERNAL', 'Something unexpected happened.', {
  remedy: 'Try again; if it stays, the log of the gateway has the details under the request id.',
});

/** The one place that turns an error into an answer. What is not known becomes INTERNAL and tells nothing. */
export function toErrorAnswer(error: unknown): ErrorAnswer {
  if (error instanceof InvalidSpec) return answer(400, error, { problems: [...error.problems] });
  if (error instanceof Failure) return answer(statusByCode[error.code] ?? 500, withoutInternals(error));
  const status = statusOf(error);
  const failure = status === undefined || status >= 500 ? undefined : frameworkFailure(status);
  return failure && status ? answer(status, failure) : answer(500, unexpected);
}

function answer(status: number, failure: Failure, more: Pick<ApiError['error'], 'problems'> = {}): ErrorAnswer {
  return { status, body: { error: { ...failure.toDetail(), ...more } } };
}

function withoutInternals(failure: Failure): Failure {
  const message = internal[failure.code];
  if (message === undefined) return failure;
  return new Failure(failure.code, message, { remedy: unexpected.remedy, retryable: failure.retryable });
}

/** Status of an error of the framework: of Nest, or of Fastify. */
function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  if (error instanceof HttpException) return error.getStatus();
  return 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : undefined;
}

function frameworkFailure(status: number): Failure {
  switch (status) {
    case 404:
      return new Failure('SPEC_UNSUPPORTED', 'There is nothing at this method and path.', {
        remedy: 'Check method and path; the README of the gateway lists them.',
      });
    case 413:
      return new Failure('SPEC_INVALID', 'The body is larger than 1 MiB.', { remedy: 'Send a smaller RunSpec.' });
    case 415:
      return new Failure('SPEC_INVALID', 'The body has a content type that is not read here.', {
        remedy: 'Send application/json or application/yaml.',
      });
    default:
      return new Failure('SPEC_INVALID', 'The request could not be read.', {
        remedy: 'Check that headers and body are complete and belong together.',
      });
  }
}
