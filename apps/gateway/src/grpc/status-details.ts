import { Metadata, status, type StatusObject } from '@grpc/grpc-js';
import type { Failure, SpecProblem } from '@anneal/contracts';
import { InvalidSpec } from '../runs/spec.check.js';
import { BadRequest, ErrorInfo, Status } from './protocol.js';

// Trailers are headers: many clients take no more than eight kilobytes of them, and base64 adds a third.
const longestText = 500;
const mostFieldBytes = 3_000;

/** A status with its details: the code and the remedy of the failure, and the fields at fault of a bad request. */
export function statusDetails(code: status, failure: Failure): StatusObject {
  const detail = failure.toDetail();
  const message = shortened(`${detail.message} ${detail.remedy}`);
  const info = ErrorInfo.serialize({
    reason: detail.code,
    domain: 'anneal',
    metadata: { remedy: shortened(detail.remedy), retryable: String(detail.retryable) },
  });
  const details = [any('ErrorInfo', info)];
  const fieldViolations = violations(code, failure);
  if (fieldViolations.length > 0) details.push(any('BadRequest', BadRequest.serialize({ fieldViolations })));
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', Status.serialize({ code, message, details }));
  return { code, details: message, metadata };
}

function any(message: string, value: Buffer): { type_url: string; value: Buffer } {
  return { type_url: `type.googleapis.com/google.rpc.${message}`, value };
}

function violations(code: status, failure: Failure): { field: string; description: string }[] {
  if (code !== status.INVALID_ARGUMENT) return [];
  let left = mostFieldBytes;
  return problemsOf(failure)
    .map(({ field, message }) => ({ field: shortened(field), description: shortened(message) }))
    .filter(({ field, description }) => (left -= Buffer.byteLength(field + description) + 10) >= 0);
}

function problemsOf(failure: Failure): readonly SpecProblem[] {
  if (failure instanceof InvalidSpec) return failure.problems;
  const { field, message } = failure.toDetail();
  return field === undefined ? [] : [{ field, message }];
}

/** The cut may fall into a pair of surrogates, of which half cannot be sent. */
function shortened(text: string): string {
  return (text.length > longestText ? `${text.slice(0, longestText)} ...` : text).toWellFormed();
}
