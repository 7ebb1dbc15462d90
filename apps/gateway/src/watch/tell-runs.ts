import type { Writable } from 'node:stream';
import type { RunChange, RunChanges } from './run.changes.js';
import type { RunFeed } from './run.feed.js';
import { tell } from './tell.js';

/** A stream may last for weeks, and more runs than this do not change at the same time. */
const mostKnown = 10_000;

export interface TellingOfRuns {
  readonly project: string;
  /** The place from which on to tell. */
  readonly since: number;
  readonly changes: RunChanges;
  readonly feed: RunFeed;
  readonly signal: AbortSignal;
}

/**
 * Tells of all runs of a project: `run` with the whole view after each change, and progress in between. The id of a frame
 * is the place to go on from. A client that reads slowly gets the last state of a run instead of each of its states.
 */
export async function tellRuns(client: Writable, telling: TellingOfRuns): Promise<void> {
  const { project, since, changes, feed, signal } = telling;
  const waiting = new Map<string, RunChange>();
  /** Runs of this project that this client knows, with the last change that it was told of; the oldest are forgotten. */
  const told = new Map<string, number>();
  let ring: () => void = () => undefined;
  const take = (change: RunChange): void => {
    if (change.project !== project || (told.get(change.runId) ?? 0) >= change.change) return;
    waiting.delete(change.runId);
    waiting.set(change.runId, change);
    ring();
  };
  const remember = ({ runId, change }: RunChange): void => {
    told.delete(runId);
    told.set(runId, change);
    for (const [oldest] of told) {
      if (told.size <= mostKnown) break;
      told.delete(oldest);
    }
  };
  /** Read while it is told: all the runs of a project do not fit into memory at once. */
  async function* past(): AsyncIterable<string> {
    for await (const change of changes.since(project, since)) {
      remember(change);
      yield change.frame;
    }
  }
  const stop = changes.watch(take);
  try {
    await tell(client, {
      signal,
      past,
      // Nothing is looked for by this client alone: what changes is read once for all.
      recheckMs: 60_000,
      listen: (listener) => {
        ring = () => listener.changed();
        // Progress says which run it is of, and not whose run that is.
        const progress: typeof listener.progress = (word) => {
          if (told.has(word.runId)) listener.progress(word);
        };
        return feed.listenToAll({ changed: () => undefined, progress });
      },
      news: async () => {
        // What was told as the past meanwhile is no news.
        const unknown = [...waiting.values()].filter(({ runId, change }) => (told.get(runId) ?? 0) < change);
        waiting.clear();
        unknown.forEach(remember);
        return { frames: unknown.map(({ frame }) => frame), done: false };
      },
    });
  } finally {
    stop();
  }
}
