import { setTimeout as sleep } from 'node:timers/promises';
import { Failure, type TrainingPlan } from '@anneal/contracts';
import type { HostedTraining } from '../host/training.host.js';
import { diskTooFull } from './disk.room.js';
import type { TrainingLog } from './training.log.js';

/** What a training is held to while it runs. */
export interface WatchLimits {
  /** Seconds without a word before the first step: loading, and preparing the rows. */
  readonly startSeconds: number;
  /** Seconds without a word between steps at least; slow steps are given more. */
  readonly silentSeconds: number;
  /** Bytes that have to stay free on the disk of the work folder. */
  readonly reservedBytes: number;
  /** Hours that the training may run, over all its starts. */
  readonly maxHours: number | undefined;
}

/** A step that takes this many times as long as usual has stopped. Checkpoints and slow rows stay far below it. */
const stalledAfter = 20;
const lookMs = 1_000;

/** How many losses are looked at together, by their median: one alone may come from odd rows. */
const lossWindow = 5;
/** A loss this many times the lowest one before it, and twice the first loss: nothing useful can follow. */
const explodedBy = 4;
const aboveFirst = 2;

/**
 * Looks after a running training, and resolves with the failure as soon as it cannot come to a good end any more: it says
 * nothing, its loss explodes, fewer processes train than were planned, its time is up, or the disk runs full.
 *
 * @param signal ends the watch; it never resolves then
 */
export async function watchTraining(
  training: Pick<HostedTraining, 'state'>,
  log: TrainingLog,
  { plan, limits, folder, signal }: { plan: TrainingPlan; limits: WatchLimits; folder: string; signal: AbortSignal },
): Promise<Failure> {
  const silence = new Silence(performance.now());
  for (;;) {
    await sleep(lookMs, undefined, { signal });
    // A training that waits for its device has nothing to say.
    const seconds = silence.since(training.state() === 'waiting' ? undefined : log.lines, performance.now());
    const trouble =
      wrongWorld(log, plan) ??
      stalled(log, seconds, limits) ??
      exploded(log) ??
      overTime(log, seconds, limits) ??
      (await diskTooFull(folder, limits.reservedBytes));
    if (trouble) return trouble;
  }
}

/** Seconds since a counter last moved, on a clock that nobody sets. */
export class Silence {
  private last: number | undefined;

  constructor(private at: number) {}

  /** @param count undefined while nothing is expected */
  since(count: number | undefined, now: number): number {
    if (count === undefined || count !== this.last) this.at = now;
    this.last = count;
    return (now - this.at) / 1000;
  }
}

/** Accelerate starts fewer processes than asked without a word, and then the effective batch is not the planned one. */
export function wrongWorld({ worldSize }: TrainingLog, { processes }: TrainingPlan): Failure | undefined {
  if (worldSize === undefined || worldSize === processes) return undefined;
  return new Failure('ENGINE_BUG', `${processes} processes were planned, and ${worldSize} train.`, {
    remedy: 'Check that the GPUs of the host are free and visible, or set training.gpus to what there is.',
    field: 'training.gpus',
  });
}

/** @param seconds for which the training has said nothing */
export function stalled(
  log: Pick<TrainingLog, 'isStepping' | 'secondsPerWord' | 'step'>,
  seconds: number,
  { startSeconds, silentSeconds }: WatchLimits,
): Failure | undefined {
  const { isStepping, secondsPerWord } = log;
  const limit = isStepping ? Math.max(silentSeconds, stalledAfter * (secondsPerWord ?? 0)) : startSeconds;
  if (seconds <= limit) return undefined;
  const where = isStepping ? `after step ${log.step}` : 'before its first step';
  return new Failure('STALLED', `The training has said nothing for ${Math.round(seconds)} s ${where}.`, {
    remedy:
      'It was ended and goes on from its last checkpoint; if it stays, look at the GPUs and at the logs of the training.',
  });
}

/** @param silence seconds since its last word, which are not in the log yet */
export function overTime(
  { secondsOfLimit }: Pick<TrainingLog, 'secondsOfLimit'>,
  silence: number,
  { maxHours }: Pick<WatchLimits, 'maxHours'>,
): Failure | undefined {
  if (maxHours === undefined || secondsOfLimit + silence <= maxHours * 3600) return undefined;
  return new Failure('RUN_TIME_EXCEEDED', `The training ran for the ${maxHours} hours that it was allowed.`, {
    remedy:
      'Retry the run to go on from its last checkpoint for as long again, or request it with more training.maxHours.',
    field: 'training.maxHours',
  });
}

export function exploded({ losses }: Pick<TrainingLog, 'losses'>): Failure | undefined {
  const [first] = losses;
  if (first === undefined || losses.length < 2 * lossWindow) return undefined;
  const usual = losses.slice(lossWindow - 1).map((_, start) => median(losses.slice(start, start + lossWindow)));
  const last = usual.at(-1) ?? 0;
  const lowest = Math.min(...usual);
  if (last <= explodedBy * lowest || last <= aboveFirst * first) return undefined;
  return new Failure('LOSS_EXPLODED', `The loss rose from ${short(lowest)} to ${short(last)}.`, {
    remedy: 'Lower training.learningRate, add training.warmupSteps, or look for broken rows in the dataset.',
    field: 'training.learningRate',
  });
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
const short = (value: number): string => String(Number(value.toPrecision(3)));
