import type { EndedAttempt, Failure, StageName } from '@anneal/contracts';
import {
  carrierOf,
  contextFrom,
  isTraced,
  markFailed,
  noTracer,
  linkTo,
  spanAt,
  within,
  type Context,
  type Span,
  type TraceCarrier,
  type Tracer,
} from '@anneal/tracing';
import type { Claim } from './job-rows.js';
import type { AttemptOutcome } from './work.js';

/**
 * An attempt as two spans of its run's trace. `claim` ends at once, so that it arrives even when this process does not
 * live to tell more; what is done belongs to it. `attempt` lasts as long as the work, hours perhaps, and says what came
 * of it; of a worker that fell silent, whoever takes over says it.
 */
export class AttemptTrace {
  /** To be remembered with the job; empty when nothing is traced. */
  readonly carrier: TraceCarrier;
  private readonly claimed: Span;
  private readonly whole: Span;
  private readonly parent: Context;

  constructor(stage: StageName, claim: Claim, tracer: Tracer = noTracer) {
    const { job, trace, lastTrace, silent } = claim;
    const last = contextFrom(lastTrace);
    const attributes = attributesOf(stage, claim);
    if (silent && isTraced(last)) tellSilent(tracer, last, silent);
    this.parent = contextFrom(trace);
    this.claimed = spanAt(tracer, {
      name: `claim ${job.kind}`,
      parent: this.parent,
      attributes,
      links: linkTo(last),
    });
    this.claimed.end();
    this.carrier = this.run(() => carrierOf());
    this.whole = this.run(() => spanAt(tracer, { name: `attempt ${job.kind}`, attributes }));
  }

  /** What is done in it belongs to the claim. */
  run<T>(work: () => T): T {
    return within(this.claimed, this.parent, work);
  }

  failed(failure: Failure): void {
    markFailed(this.whole, failure);
  }

  end(outcome: AttemptOutcome): void {
    this.whole.setAttribute('anneal.job.outcome', outcome);
    this.whole.end();
  }
}

function tellSilent(
  tracer: Tracer,
  parent: Context,
  { work: kind, number, startedAt, finishedAt }: EndedAttempt,
): void {
  const attributes = { 'anneal.job.kind': kind, 'anneal.job.attempt': number };
  const span = spanAt(tracer, { name: `attempt ${kind}`, parent, attributes, startTime: new Date(startedAt) });
  span.setAttribute('anneal.job.outcome', 'lease_lost');
  markFailed(span, 'LEASE_LOST');
  span.end(new Date(finishedAt));
}

function attributesOf(stage: StageName, { job }: Claim): Record<string, string | number> {
  return {
    'anneal.run.id': job.runId,
    'anneal.stage': stage,
    'anneal.job.kind': job.kind,
    'anneal.job.attempt': job.attempt,
    'anneal.job.claim': Number(job.token),
  };
}
