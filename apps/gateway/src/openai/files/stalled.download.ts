import type { ServerResponse } from 'node:http';

const stalledMs = 5 * 60 * 1000;

/** Ends an answer of which its reader takes nothing any more: it would keep what it holds for ever. */
export function endWhenStalled(response: ServerResponse, afterMs = stalledMs): void {
  response.setTimeout(afterMs, () => response.destroy());
}
