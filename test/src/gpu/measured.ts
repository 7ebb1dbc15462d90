import { engineEvent, type EngineEvent } from '@anneal/engine';

/** What came of a training: its peak, or why it failed. Bytes of the GPU that held the most. */
export type Outcome =
  | {
      readonly kind: 'measured';
      readonly estimated: number;
      readonly peak: number;
      readonly steps: number;
      readonly seconds: number;
    }
  | { readonly kind: 'failed'; readonly code: string; readonly detail: string }
  | { readonly kind: 'skipped'; readonly why: string };

export interface Measured {
  readonly name: string;
  readonly outcome: Outcome;
}

/** Events of a training from the file that the plugin writes; what is no event is passed over. */
export function readEvents(text: string): EngineEvent[] {
  return text.split('\n').flatMap((line) => {
    try {
      const read = engineEvent.safeParse(JSON.parse(line));
      return read.success ? [read.data] : [];
    } catch {
      return [];
    }
  });
}

/** The most that PyTorch held of a GPU, bytes: the figure that the trainer corrects its estimates by. */
export function peakOf(events: readonly EngineEvent[]): number | undefined {
  const held = events.flatMap((event) =>
    event.event === 'log' ? [event.memoryReservedGib ?? event.memoryAllocatedGib ?? 0] : [],
  );
  const most = Math.max(0, ...held);
  return most === 0 ? undefined : most * 1024 ** 3;
}

export const marks = { begin: '<!-- measured -->', end: '<!-- /measured -->' };

/** The table of a machine as Markdown. */
export function measuredTable(machine: string, results: readonly Measured[]): string {
  const rows = results.map(({ name, outcome }) => `| ${[name, ...cells(outcome)].join(' | ')} |`);
  const heading = ['| training | estimated | peak | peak / estimated | steps | outcome |', '| - | - | - | - | - | - |'];
  return [machine, '', ...heading, ...rows].join('\n');
}

/**
 * The document with the table between its marks.
 *
 * @throws Error when the document has no marks
 */
export function withTable(document: string, table: string): string {
  const begin = document.indexOf(marks.begin);
  const end = document.indexOf(marks.end);
  if (begin === -1 || end < begin) throw new Error(`the document has no ${marks.begin} ... ${marks.end}`);
  return `${document.slice(0, begin + marks.begin.length)}\n\n${table}\n\n${document.slice(end)}`;
}

function cells(outcome: Outcome): string[] {
  if (outcome.kind === 'skipped') return ['', '', '', '', `skipped: ${outcome.why}`];
  if (outcome.kind === 'failed') return ['', '', '', '', `${outcome.code}: ${outcome.detail.replaceAll('|', '/')}`];
  const { estimated, peak, steps, seconds } = outcome;
  return [
    gigabytes(estimated),
    gigabytes(peak),
    (peak / estimated).toFixed(2),
    String(steps),
    `${seconds.toFixed(0)} s`,
  ];
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
