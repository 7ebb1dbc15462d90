import { Failure } from '@anneal/contracts';
import type { z } from 'zod';
import { requireStorable } from './storable.js';

/** @throws Failure REQUEST_INVALID that names the first field at fault */
export function readRequest<Schema extends z.ZodType>(schema: Schema, given: unknown): z.infer<Schema> {
  const read = schema.safeParse(given);
  if (read.success) {
    requireStorable(read.data);
    return read.data;
  }
  const [issue] = read.error.issues;
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [];
  const field = [...(issue?.path ?? []), ...unknown].map(String).join('.');
  const said = unknown.length > 0 ? 'is not a field of this request' : (issue?.message ?? 'is not valid');
  throw new Failure('REQUEST_INVALID', field ? `"${field}": ${said}.` : `The request is not valid: ${said}.`, {
    remedy: 'Correct this field and send the request again.',
    ...(field ? { field } : {}),
  });
}
