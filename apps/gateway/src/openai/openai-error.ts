import type { Failure, FailureCode, OpenaiErrorBody } from '@anneal/contracts';
import { InvalidSpec } from '../runs/spec.check.js';

/** Codes that callers of OpenAI look for; all others are Anneal's own in small letters. */
const known: Partial<Record<FailureCode, string>> = {
  UNAUTHORIZED: 'invalid_api_key',
  RATE_LIMITED: 'rate_limit_exceeded',
  RUN_NOT_FOUND: 'fine_tune_not_found',
  ROUTE_NOT_FOUND: 'unknown_url',
  INTERNAL: 'internal_error',
};

const types: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  429: 'rate_limit_error',
};

/** A failure in OpenAI's envelope. The remedy goes into the message: there is no other field that a client shows. */
export function openaiBody(failure: Failure, status: number): OpenaiErrorBody {
  const { message, remedy, field, code } = failure.toDetail();
  const problems =
    failure instanceof InvalidSpec ? failure.problems.map((problem) => `${problem.field}: ${problem.message}`) : [];
  return {
    error: {
      message: [message, ...problems, remedy].join(' '),
      type: types[status] ?? (status >= 500 ? 'server_error' : 'invalid_request_error'),
      param: field ?? null,
      code: openaiCode(code),
    },
  };
}

export function openaiCode(code: FailureCode): string {
  return known[code] ?? code.toLowerCase();
}
