import { createHash } from 'node:crypto';
import {
  acceptRunSpec,
  parseRunSpec,
  runId as runIdSchema,
  type AcceptedRunSpec,
  type SpecProblem,
} from './run-spec.js';

export type TrainRequest =
  { ok: true; runId: string; spec: AcceptedRunSpec } | { ok: false; runId: string; problems: SpecProblem[] };

/**
 * Reads what came in at the front door. Gateway, dataset and evaluator each read the same event by themselves, so the
 * result depends on nothing but the event: the id of the run is the RunSpec's, else the event's.
 *
 * @param data the parsed JSON, or undefined when the bytes were no JSON
 * @param eventId id of the event: ce-id, Nats-Msg-Id, or one derived from its place in the stream
 */
export function readTrainRequest(data: unknown, eventId: string): TrainRequest {
  const fallback = runIdFromEvent(eventId);
  if (data === undefined) {
    return {
      ok: false,
      runId: fallback,
      problems: [{ field: '(whole)', message: 'the event is not JSON; its data must be a RunSpec' }],
    };
  }
  const parsed = parseRunSpec(data);
  if (parsed.ok) {
    const id = parsed.spec.id ?? fallback;
    return { ok: true, runId: id, spec: acceptRunSpec(parsed.spec, id) };
  }
  // A rejection keeps the event's own id, so that it can never touch a run that already has the id asked for.
  return { ok: false, runId: fallback, problems: parsed.problems };
}

/** An event's id as a run id: kept when it has that form, else replaced by a digest of it. */
export function runIdFromEvent(eventId: string): string {
  const plain = eventId.toLowerCase();
  if (runIdSchema.safeParse(plain).success) return plain;
  return `run-${createHash('sha256').update(eventId).digest('hex').slice(0, 24)}`;
}
