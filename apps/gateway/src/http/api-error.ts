import { Failure, type ApiError, type FailureCode } from '@anneal/contracts';
import { databaseError } from '@anneal/jobs';
import { HttpException } from '@nestjs/common';
import { InvalidSpec } from '../runs/spec.check.js';

export interface ErrorAnswer {
  readonly status: number;
  readonly failure: Failure;
}

const statusByCode: Partial<Record<FailureCode, number>> = {
  SPEC_INVALID: 400,
  SPEC_UNSUPPORTED: 400,
  REQUEST_INVALID: 400,
  MODEL_INVALID: 400,
  MODEL_GATED: 400,
  SOURCE_OFFLINE: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  RUN_NOT_FOUND: 404,
  ARTIFACT_MISSING: 404,
  ROUTE_NOT_FOUND: 404,
  FILE_NOT_FOUND: 404,
  UPLOAD_NOT_FOUND: 404,
  MODEL_NOT_FOUND: 404,
  KEY_NOT_FOUND: 404,
  WEBHOOK_NOT_FOUND: 404,
  DEAD_LETTER_NOT_FOUND: 404,
  RUN_CONFLICT: 409,
  STATE_CONFLICT: 409,
  REQUEST_TOO_LARGE: 413,
  MEDIA_TYPE_UNSUPPORTED: 415,
  DOES_NOT_FIT: 422,
  RATE_LIMITED: 429,
  DISK_FULL: 507,
  STORE_UNAVAILABLE: 503,
  DATABASE_UNAVAILABLE: 503,
  BROKER_UNAVAILABLE: 503,
  HUB_UNAVAILABLE: 503,
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
export function toErrorAnswer(given: unknown): ErrorAnswer {
  const error = databaseError(given);
  if (error instanceof Failure) return { status: statusByCode[error.code] ?? 500, failure: withoutInternals(error) };
  const status = statusOf(error);
  const failure = status === undefined || status >= 500 ? undefined : frameworkFailure(status);
  return failure && status ? { status, failure } : { status: 500, failure: unexpected };
}

/** The body of an error answer of the native API. */
export function nativeBody(failure: Failure): ApiError {
  const problems = failure instanceof InvalidSpec ? { problems: [...failure.problems] } : {};
  return { error: { ...failure.toDetail(), ...problems } };
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
      return new Failure('ROUTE_NOT_FOUND', 'There is nothing at this method and path.', {
        remedy: 'Check method and path; docs/api.md lists them.',
      });
    case 413:
      return new Failure('REQUEST_TOO_LARGE', 'The body is larger than this call takes.', {
        remedy: 'Send less; large training files go in parts through /v1/uploads.',
      });
    case 415:
    case 406:
      return new Failure('MEDIA_TYPE_UNSUPPORTED', 'The body has a content type that is not read here.', {
        remedy: 'Send application/json, application/yaml for a RunSpec, or multipart/form-data for a file.',
      });
    default:
      return new Failure('REQUEST_INVALID', 'The request could not be read.', {
        remedy: 'Check that headers and body are complete and belong together.',
      });
  }
}
