import { Failure } from '@anneal/contracts';
import { paint } from './colours.js';

/** Says what went wrong: one sentence and the next step, or one JSON object. Returns the exit status. */
export function reportError(error: unknown, json: boolean): number {
  if (json && error instanceof Failure) {
    process.stdout.write(`${JSON.stringify({ error: error.toDetail() })}\n`);
    return 1;
  }
  if (error instanceof Failure) {
    process.stderr.write(`${paint('red', error.message, process.stderr)} ${error.remedy}\n`);
    return 1;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`This should not have happened; please report it.\n${text}\n`);
  return 1;
}
