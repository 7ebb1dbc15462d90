import type { Progress } from '@anneal/contracts';
import { Counter, type Registry } from 'prom-client';
import { gauge, known } from './gauge.js';

interface Followed {
  word: Progress;
  /** When it last said something new, by performance.now(). */
  movedAt: number;
  /** How much was done when it was last heard, by phase: several jobs of one run may speak in turn. */
  readonly done: Map<string, number>;
}

/**
 * What the running stages of this process say about themselves. Runs are summed up, never named: their number has no
 * bound. What a run said is forgotten when its work ends.
 */
export class StageMetrics {
  private readonly runs = new Map<string, Followed>();
  private readonly done: Counter<'unit'>;

  constructor(registry: Registry, { trains }: { trains: boolean }) {
    const ofRuns = (name: string, help: string, value: () => number | undefined): void =>
      gauge(registry, { name, help }, () => known(value()));
    this.done = new Counter({
      name: 'anneal_stage_done_total',
      help: 'What this process was seen to do, by what its work is counted in.',
      labelNames: ['unit'],
      registers: [registry],
    });
    ofRuns('anneal_stage_runs', 'Runs that this process works on and has said progress of.', () => this.runs.size);
    ofRuns(
      'anneal_stage_silent_seconds',
      'Longest time for which a run that counts its work has said nothing new.',
      () => most(this.counting().map(({ movedAt }) => (performance.now() - movedAt) / 1000)),
    );
    ofRuns('anneal_stage_progress_ratio', 'Done by total, of the run that is least far.', () => {
      const ratios = this.counting().map(({ word: { done = 0, total = 0 } }) => (total > 0 ? done / total : 0));
      return ratios.length > 0 ? Math.min(...ratios) : undefined;
    });
    ofRuns('anneal_stage_seconds_left', 'Time left, of the run that needs longest.', () =>
      most(this.said(({ secondsLeft }) => secondsLeft)),
    );
    if (!trains) return;
    ofRuns(
      'anneal_training_tokens_per_second',
      'Tokens that the running trainings learn from on one GPU each, summed up.',
      () => sum(this.said(({ tokensPerSecond }) => tokensPerSecond)),
    );
    ofRuns('anneal_training_loss', 'Last loss, the mean of the running trainings.', () => {
      const losses = this.said(({ loss }) => loss);
      const total = sum(losses);
      return total === undefined ? undefined : total / losses.length;
    });
  }

  heard(word: Progress): void {
    // Nothing runs while a failed attempt waits for its next try.
    if (word.retry) return this.ended(word.runId);
    const { runId, phase, done, unit } = word;
    const run = this.runs.get(runId) ?? { word, movedAt: performance.now(), done: new Map<string, number>() };
    if (news(run.word) !== news(word)) run.movedAt = performance.now();
    run.word = word;
    this.runs.set(runId, run);
    if (done === undefined || unit === undefined) return;
    const before = run.done.get(phase);
    run.done.set(phase, done);
    // The first word may tell of what an earlier process did.
    this.done.inc({ unit }, Math.max(0, done - (before ?? done)));
  }

  ended(runId: string): void {
    this.runs.delete(runId);
  }

  private counting(): Followed[] {
    return [...this.runs.values()].filter(({ word }) => word.done !== undefined && word.total !== undefined);
  }

  private said(figure: (word: Progress) => number | undefined): number[] {
    return [...this.runs.values()].map(({ word }) => figure(word)).filter((value) => value !== undefined);
  }
}

function news({ phase, done, loss }: Progress): string {
  return JSON.stringify([phase, done, loss]);
}

function most(values: readonly number[]): number | undefined {
  return values.length > 0 ? Math.max(...values) : undefined;
}

function sum(values: readonly number[]): number | undefined {
  return values.length > 0 ? values.reduce((all, value) => all + value, 0) : undefined;
}
