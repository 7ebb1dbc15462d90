import type { Progress } from '@anneal/contracts';
import type { ClaimedJob } from '@anneal/jobs';
import type { ProgressPublisher } from '@anneal/messaging';
import type { Subject } from '../answers/answer.table.js';

/** Tells how far a measurement is, and how long the rest will take at the pace of this attempt. */
export class MeasurementProgress {
  private first: { readonly at: number; readonly answered: number } | undefined;
  private answered = 0;

  constructor(
    private readonly publisher: ProgressPublisher,
    private readonly job: ClaimedJob<{ subject: Subject }>,
    private readonly total: number,
    private readonly before: number,
  ) {}

  start(): void {
    this.tell({ done: this.before, total: this.total, unit: 'items' });
  }

  /** Nothing is asked yet, for this reason. */
  waits(why: string): void {
    this.tell({ phase: why, done: this.before + this.answered, total: this.total, unit: 'items' });
  }

  /** One more answer is stored. */
  step(): void {
    this.reach(this.answered + 1);
  }

  /** So many answers came in this attempt. */
  reach(answered: number): void {
    if (answered <= this.answered) return;
    this.answered = answered;
    const done = this.before + this.answered;
    const pace = this.paceSeconds();
    const figures =
      pace === undefined
        ? {}
        : { secondsLeft: Math.round(pace * (this.total - done)), itemsPerSecond: Number((1 / pace).toPrecision(3)) };
    this.tell({ done, total: this.total, unit: 'items', ...figures });
  }

  /** Answers of this attempt. */
  get reached(): number {
    return this.answered;
  }

  /** Seconds per answer since the first ones: before them the model is loaded, which says nothing about the rest. */
  private paceSeconds(): number | undefined {
    this.first ??= { at: performance.now(), answered: this.answered };
    const since = this.answered - this.first.answered;
    return since < 3 ? undefined : (performance.now() - this.first.at) / 1000 / since;
  }

  private tell(more: Partial<Progress>): void {
    const { runId, attempt, input } = this.job;
    const phase = `measuring ${input.subject}`;
    this.publisher.publish({ runId, stage: 'evaluator', at: new Date().toISOString(), attempt, phase, ...more });
  }
}
