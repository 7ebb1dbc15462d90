import { engineEvent, type EngineEvent } from '@anneal/engine';

/** A line that the service writes before each start, to tell the starts of one training apart. */
const startMark = 'start';
/** A line that the service writes when the time of a training is up. Who tries the run again gives it as much once more. */
const limitMark = 'timeUp';

/**
 * What is known of a training from its event file. The file holds all starts; reading it again from the beginning gives
 * the same answer, so nothing has to be remembered elsewhere when this service dies.
 */
export class TrainingLog {
  step = 0;
  maxSteps: number | undefined;
  firstLoss: number | undefined;
  lastLoss: number | undefined;
  learningRate: number | undefined;
  tokensPerSecond: number | undefined;
  /** Processes that train together. */
  worldSize: number | undefined;
  /** Learned so far, over all starts: a checkpoint carries the count on. */
  tokens: number | undefined;
  versions: Record<string, string> = {};
  /** The most that a training held of its GPU. */
  peakBytes: number | undefined;
  /** How often the training went on from a checkpoint. */
  resumed = 0;
  /** Events of the latest start. */
  current: EngineEvent[] = [];
  /** Lines read so far, of all starts: it moves as long as the training has something to say. */
  lines = 0;
  private earlierSeconds = 0;
  private secondsBeforeLimit = 0;

  /** Takes one line of the file; lines that are no events are passed over. */
  read(line: unknown): void {
    this.lines += 1;
    if (isMark(line, startMark)) {
      this.earlierSeconds += spanOf(this.current);
      this.current = [];
      this.worldSize = undefined;
      return;
    }
    if (isMark(line, limitMark)) {
      this.secondsBeforeLimit = this.seconds;
      return;
    }
    const parsed = engineEvent.safeParse(line);
    if (!parsed.success) return;
    this.current.push(parsed.data);
    this.note(parsed.data);
  }

  /** Seconds that the training ran, over all starts. */
  get seconds(): number {
    return this.earlierSeconds + spanOf(this.current);
  }

  /** Seconds that count for the limit of the run time. */
  get secondsOfLimit(): number {
    return this.seconds - this.secondsBeforeLimit;
  }

  /** From the pace of the latest steps; undefined until two of them are known. */
  get secondsLeft(): number | undefined {
    const recent = this.current.filter((event) => event.event === 'log').slice(-20);
    const [first, last] = [recent.at(0), recent.at(-1)];
    if (!first || !last || this.maxSteps === undefined || last.step <= first.step) return undefined;
    return Math.round(((last.time - first.time) / (last.step - first.step)) * (this.maxSteps - last.step));
  }

  /** Losses of the latest start, in their order. */
  get losses(): number[] {
    return this.current.flatMap((event) => (event.event === 'log' && event.loss !== undefined ? [event.loss] : []));
  }

  /** Whether steps are being made: from the first one that is told until the end of the last. */
  get isStepping(): boolean {
    return this.current.some(({ event }) => event === 'log') && !this.current.some(({ event }) => event === 'trainEnd');
  }

  /** The median time between two steps that are told, of the latest ones; undefined until there are three. */
  get secondsPerWord(): number | undefined {
    const times = this.current.flatMap((event) => (event.event === 'log' ? [event.time] : [])).slice(-50);
    if (times.length < 3) return undefined;
    const spans = times.slice(1).map((time, index) => time - (times[index] ?? time));
    return spans.toSorted((a, b) => a - b)[Math.floor(spans.length / 2)];
  }

  get phase(): string {
    const latest = this.current.at(-1)?.event;
    if (latest === undefined) return 'starting';
    if (latest === 'hello' || latest === 'modelLoaded' || latest === 'dataLoaded') return 'loading';
    return this.current.some(({ event }) => event === 'trainEnd') ? 'saving' : 'training';
  }

  private note(event: EngineEvent): void {
    if (event.event === 'hello') this.versions = event.versions;
    if (event.event === 'trainBegin') {
      this.step = event.step;
      this.maxSteps = event.maxSteps;
      this.worldSize = event.worldSize;
      if (event.step > 0) this.resumed += 1;
    }
    if (event.event === 'trainEnd') this.step = event.step;
    if (event.event !== 'log') return;
    this.step = event.step;
    this.learningRate = event.learningRate;
    this.tokensPerSecond = event.tokensPerSecondPerGpu;
    const held = event.memoryReservedGib ?? event.memoryAllocatedGib;
    if (held !== undefined && held > 0) this.peakBytes = Math.max(this.peakBytes ?? 0, held * 1024 ** 3);
    this.tokens = event.trainableTokens ?? this.tokens;
    if (event.loss === undefined || !Number.isFinite(event.loss)) return;
    this.firstLoss ??= event.loss;
    this.lastLoss = event.loss;
  }
}

/** The mark of a start as it is appended; it begins with a line end, since a killed writer may have left half a line. */
export function startMarkLine(attempt: number, start?: string): string {
  return `\n${JSON.stringify({ event: startMark, attempt, start })}\n`;
}

/**
 * What is in an event file up to the mark of a start, with the mark; it is added when it is not there.
 *
 * @param text the whole file
 */
export function eventsUpTo(text: string, attempt: number, start: string): string {
  const lines = text.split('\n');
  const at = lines.findLastIndex((line) => line.includes(`"start":${JSON.stringify(start)}`));
  return at === -1 ? text + startMarkLine(attempt, start) : `${lines.slice(0, at + 1).join('\n')}\n`;
}

/** The mark that the time of a training is up. */
export function limitMarkLine(): string {
  return `\n${JSON.stringify({ event: limitMark })}\n`;
}

function isMark(line: unknown, mark: string): boolean {
  return typeof line === 'object' && line !== null && 'event' in line && line.event === mark;
}

function spanOf(events: readonly EngineEvent[]): number {
  const [first, last] = [events.at(0), events.at(-1)];
  return first && last ? last.time - first.time : 0;
}
