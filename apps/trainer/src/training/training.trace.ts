import type { ExitRecord } from '@anneal/compute';
import type { EngineEvent } from '@anneal/engine';
import { markFailed, noTracer, spanAt, type Tracer } from '@anneal/tracing';
import type { RunFolder } from './run.folder.js';
import type { TrainingLog } from './training.log.js';

/** A span holds few events, and a training tells of thousands of steps. */
const mostSteps = 60;

/**
 * Tells the latest start of a training, with what its process reported, as one span: when the process has ended, and by
 * whoever attended to that end first, which need not be the service that started it.
 */
export async function traceTraining(
  tracer: Tracer,
  folder: Pick<RunFolder, 'tellsEnd'>,
  { current }: Pick<TrainingLog, 'current'>,
  exit: ExitRecord | undefined,
): Promise<void> {
  const [first, last] = [current.at(0), current.at(-1)];
  if (tracer === noTracer || !first || !last || !(await folder.tellsEnd())) return;
  const attributes = {
    'process.pid': first.pid,
    ...(exit?.code == null ? {} : { 'process.exit.code': exit.code }),
  };
  const span = spanAt(tracer, { name: 'axolotl train', attributes, startTime: at(first) });
  const every = Math.ceil(current.filter(({ event }) => event === 'log').length / mostSteps);
  let steps = 0;
  for (const event of current) {
    if (event.event === 'log' && steps++ % every !== 0) continue;
    span.addEvent(event.event, numbersOf(event), at(event));
  }
  const failed = current.find((event) => event.event === 'failed');
  if (failed) markFailed(span, failed.error);
  span.end(at(last));
}

/** Texts stay out: they hold folders of this host, and messages that quote rows. */
function numbersOf(event: EngineEvent): Record<string, number | boolean> {
  const { time: _time, pid: _pid, ...said } = event;
  return Object.fromEntries(
    Object.entries(said).flatMap(([name, value]) =>
      typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))
        ? [[`anneal.training.${snake(name)}`, value]]
        : [],
    ),
  );
}

function snake(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function at({ time }: EngineEvent): Date {
  return new Date(time * 1000);
}
