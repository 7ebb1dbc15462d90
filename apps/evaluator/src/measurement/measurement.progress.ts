import type { Progress } from '@anneal/contracts';
import type { ClaimedJob } from '@anneal/jobs';
import type { ProgressPublisher } from '@anneal/messaging';
import type { Subject } from '../answers/answer.table.js';

/** Tells how far a measurement is, and how long the rest will take at the pace of this attempt. */
export class MeasurementProgress {
  private readonly startedAt = performance.now();
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

  /** One more answer is stored. */
  step(): void {
    this.answered += 1;
    const done = this.before + this.answered;
    const seconds = (performance.now() - this.startedAt) / 1000;
    const secondsLeft = Math.round((seconds / this.answered) * (this.total - done));
    this.tell({ done, total: this.total, unit: 'items', secondsLeft });
  }

  private tell(more: Partial<Progress>): void {
    const { runId, attempt, input } = this.job;
    const phase = `measuring ${input.subject}`;
    this.publisher.publish({ runId, stage: 'evaluator', at: new Date().toISOString(), attempt, phase, ...more });
  }
}
