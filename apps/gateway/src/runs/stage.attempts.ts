import { failureCodes, type AttemptView, type BegunAttempt, type EndedAttempt } from '@anneal/contracts';

/** Retries of a run have no limit, and a run has to stay small. */
const mostKept = 50;

/** Adds an attempt that begins, unless a later word of it came first. */
export function withBegun(attempts: AttemptView[], begun: BegunAttempt): AttemptView[] {
  const known = attempts.some(({ work, claim }) => work === begun.work && claim >= begun.claim);
  if (known) return attempts;
  // The claim before this one was given back, which is no attempt.
  const kept = attempts.filter(({ work, state }) => work !== begun.work || state !== 'running');
  return newest([...kept, { ...begun, state: 'running' }]);
}

/** Adds how an attempt ended, in the place of what was known of it. */
export function withEnded(attempts: readonly AttemptView[], ended: EndedAttempt): AttemptView[] {
  const kept = attempts.filter(
    (other) => other.work !== ended.work || (other.claim !== ended.claim && !isRepeatedBy(other, ended)),
  );
  return newest([...kept, ended].toSorted((a, b) => Date.parse(a.startedAt) - Date.parse(b.startedAt)));
}

/** What still runs when the run ends is stopped. */
export function withoutRunning(attempts: readonly AttemptView[], at: string): AttemptView[] {
  return attempts.map((attempt) =>
    attempt.state === 'running' ? { ...attempt, state: 'cancelled', finishedAt: at } : attempt,
  );
}

/** One that ended because something was away is not counted: the next one has its number, and stands for it. */
function isRepeatedBy(other: AttemptView, ended: EndedAttempt): boolean {
  return (
    other.claim < ended.claim &&
    other.number === ended.number &&
    other.failure !== undefined &&
    'outage' in failureCodes[other.failure.code]
  );
}

function newest(attempts: AttemptView[]): AttemptView[] {
  return attempts.slice(-mostKept);
}
