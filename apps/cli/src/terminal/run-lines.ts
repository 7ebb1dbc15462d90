import type { EvaluationAlarm, Progress, RetryDetail, RunView, StageView } from '@anneal/contracts';
import { paint } from './colours.js';
import { duration } from './durations.js';

const barWidth = 24;

/** One line of progress: phase, bar, figures, time left. */
export function progressText(progress: Progress): string {
  if (progress.retry) return retryText(progress, progress.retry);
  const parts = [progress.phase];
  if (progress.done !== undefined && progress.total) {
    const share = Math.min(1, progress.done / progress.total);
    const filled = Math.round(share * barWidth);
    parts.push(
      `${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)} ${progress.done}/${progress.total} ${progress.unit ?? ''}`.trimEnd(),
    );
  } else if (progress.done !== undefined) {
    parts.push(`${progress.done} ${progress.unit ?? ''}`.trimEnd());
  }
  if (progress.loss !== undefined) parts.push(`loss ${progress.loss.toFixed(3)}`);
  if (progress.rewardAccuracy !== undefined)
    parts.push(`${Math.round(progress.rewardAccuracy * 100)} % of pairs preferred as chosen`);
  if (progress.tokensPerSecond !== undefined) parts.push(`${Math.round(progress.tokensPerSecond)} tokens/s`);
  if (progress.startsAt !== undefined)
    parts.push(`starts in about ${duration(Math.max(0, (Date.parse(progress.startsAt) - Date.now()) / 1000))}`);
  if (progress.itemsPerSecond !== undefined) parts.push(`${progress.itemsPerSecond} items/s`);
  if (progress.secondsLeft !== undefined) parts.push(`${duration(progress.secondsLeft)} left`);
  return parts.join('  ');
}

function retryText({ phase, attempt }: Progress, { maxAttempts, nextTryAt, failure }: RetryDetail): string {
  const seconds = Math.max(0, (Date.parse(nextTryAt) - Date.now()) / 1000);
  return `${phase} (attempt ${attempt} of ${maxAttempts} failed, the next in ${duration(seconds)}): ${failure.message}`;
}

const marks = { waiting: '·', running: '▸', succeeded: '✓', failed: '✗', cancelled: '–' } as const;
const colours = { waiting: 'dim', running: 'cyan', succeeded: 'green', failed: 'red', cancelled: 'yellow' } as const;

export function stageLine(stage: StageView): string {
  const name = stage.stage.padEnd(10);
  const mark = paint(colours[stage.state], marks[stage.state]);
  return `${mark} ${name} ${stageText(stage)}`.trimEnd();
}

function stageText(stage: StageView): string {
  switch (stage.state) {
    case 'waiting':
      return '';
    case 'running':
      return stage.progress ? progressText(stage.progress) : 'running';
    case 'succeeded':
      return stage.startedAt && stage.finishedAt
        ? `done in ${duration((Date.parse(stage.finishedAt) - Date.parse(stage.startedAt)) / 1000)}`
        : 'done';
    case 'failed':
      return stage.failure ? `${stage.failure.code}: ${stage.failure.message}` : 'failed';
    case 'cancelled':
      return 'cancelled';
  }
}

/** The attempts of a stage that did not go well, one line each. */
export function attemptLines({ attempts }: StageView): string[] {
  return attempts
    .filter(({ state }) => state === 'failed')
    .map(({ work, number, failure }) =>
      paint('dim', `    ${work}, attempt ${number}: ${failure ? `${failure.code}: ${failure.message}` : 'failed'}`),
    );
}

/** What became of the rows, and what the dataset stage warns of. */
export function datasetLines({ rows, report }: NonNullable<RunView['dataset']>): string[] {
  const { read, train, heldOut, duplicates, dropped } = rows;
  const near = report && duplicates > 0 ? ` (${report.nearDuplicates} near)` : '';
  const { flagged, removed } = report?.contaminated ?? { flagged: 0, removed: 0 };
  return [
    `Data: ${read} rows read; ${train} to train on, ${heldOut} held out, ${duplicates} duplicates${near}, ${dropped} dropped.`,
    ...(flagged > 0 ? [`  ${flagged} rows held a question of a benchmark; ${removed} of them are removed.`] : []),
    ...(report && report.warnings.length > 0
      ? [`  ${paint('yellow', 'warnings:')} ${report.warnings.join(', ')}`]
      : []),
  ];
}

/** What to look at before believing the results, one line each. */
export function alarmLines(alarms: readonly EvaluationAlarm[] = []): string[] {
  return alarms.map(({ kind, message }) => `${paint('yellow', `alarm (${kind}):`)} ${message}`);
}

/** The last words on a run, for a person. */
export function outcomeLines(run: RunView): string[] {
  switch (run.state) {
    case 'running':
      return [`Run ${run.id} is running.`];
    case 'paused':
      return [`Run ${run.id} is paused.`];
    case 'succeeded':
      return [
        `Run ${run.id} succeeded: ${run.verdict ?? 'no verdict'}.`,
        run.publishedTo ? `Published as ${run.publishedTo}.` : `Not published: ${run.withheldBy ?? 'held back'}.`,
      ];
    case 'failed':
      return [
        paint('red', `Run ${run.id} failed: ${run.failure?.message ?? 'for an unknown reason'}`),
        ...(run.failure ? [run.failure.remedy] : []),
      ];
    case 'cancelled':
      return [`Run ${run.id} was cancelled.`];
    case 'rejected':
      return [
        paint('red', `Request ${run.id} was rejected.`),
        ...(run.problems ?? []).map(({ field, message }) => `  ${field}: ${message}`),
      ];
  }
}
