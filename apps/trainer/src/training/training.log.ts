import { engineEvent, type EngineEvent } from '@anneal/engine';

/** A line that the service writes before each start, to tell the starts of one training apart. */
const startMark = 'start';

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
  /** Learned so far, over all starts: a checkpoint carries the count on. */
  tokens: number | undefined;
  versions: Record<string, string> = {};
  /** How often the training went on from a checkpoint. */
  resumed = 0;
  /** Events of the latest start. */
  current: EngineEvent[] = [];
  private earlierSeconds = 0;

  /** Takes one line of the file; lines that are no events are passed over. */
  read(line: unknown): void {
    if (isStartMark(line)) {
      this.earlierSeconds += spanOf(this.current);
      this.current = [];
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

  /** From the pace of the latest steps; undefined until two of them are known. */
  get secondsLeft(): number | undefined {
    const recent = this.current.filter((event) => event.event === 'log').slice(-20);
    const [first, last] = [recent.at(0), recent.at(-1)];
    if (!first || !last || this.maxSteps === undefined || last.step <= first.step) return undefined;
    return Math.round(((last.time - first.time) / (last.step - first.step)) * (this.maxSteps - last.step));
  }

  get phase(): string {
    const latest = this.current.at(-1)?.event;
    if (latest === undefined) return 'starting';
    if (latest === 'hello' || latest === 'modelLoaded' || latest === 'dataLoaded') return 'loading';
    return latest === 'trainEnd' || latest === 'trained' ? 'saving' : 'training';
  }

  private note(event: EngineEvent): void {
    if (event.event === 'hello') this.versions = event.versions;
    if (event.event === 'trainBegin') {
      this.step = event.step;
      this.maxSteps = event.maxSteps;
      if (event.step > 0) this.resumed += 1;
    }
    if (event.event === 'trainEnd') this.step = event.step;
    if (event.event !== 'log') return;
    this.step = event.step;
    this.learningRate = event.learningRate;
    this.tokensPerSecond = event.tokensPerSecondPerGpu;
    this.tokens = event.trainableTokens ?? this.tokens;
    if (event.loss === undefined || !Number.isFinite(event.loss)) return;
    this.firstLoss ??= event.loss;
    this.lastLoss = event.loss;
  }
}

/** The mark of a start as it is appended; it begins with a line end, since a killed writer may have left half a line. */
export function startMarkLine(attempt: number): string {
  return `\n${JSON.stringify({ event: startMark, attempt })}\n`;
}

function isStartMark(line: unknown): boolean {
  return typeof line === 'object' && line !== null && 'event' in line && line.event === startMark;
}

function spanOf(events: readonly EngineEvent[]): number {
  const [first, last] = [events.at(0), events.at(-1)];
  return first && last ? last.time - first.time : 0;
}
