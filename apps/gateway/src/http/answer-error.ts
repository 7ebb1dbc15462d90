import type { Failure } from '@anneal/contracts';
import { openaiBody } from '../openai/openai-error.js';
import { nativeBody, toErrorAnswer } from './api-error.js';

export interface Reply {
  readonly sent: boolean;
  code(status: number): unknown;
  header(name: string, value: string): unknown;
  send(body: never): unknown;
}

/** Answers with an error: below /v1 in OpenAI's envelope, elsewhere in the native form. @returns the status */
export function answerError(error: unknown, url: string, reply: Reply): number {
  const { status, failure } = toErrorAnswer(error);
  if (reply.sent) return status;
  for (const [name, value] of headersOf(status, failure)) reply.header(name, value);
  reply.code(status);
  const body: unknown = /^\/v1(\/|\?|$)/.test(url) ? openaiBody(failure, status) : nativeBody(failure);
  // Fastify's own type allows only what a schema of the route declares; error answers have no such schema.
  reply.send(body as never);
  return status;
}

function* headersOf(status: number, failure: Failure): Iterable<[string, string]> {
  if (status === 401) yield ['www-authenticate', 'Bearer'];
  if (status === 429) yield ['retry-after', '1'];
  // The official clients try again after every 409, which for a state that does not change by itself is of no use.
  if (status === 409 && !failure.retryable) yield ['x-should-retry', 'false'];
}
