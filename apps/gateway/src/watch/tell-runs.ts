import type { Writable } from 'node:stream';
import type { RunChange, RunChanges } from './run.changes.js';
import type { RunFeed } from './run.feed.js';
import { tell } from './tell.js';

export interface TellingOfRuns {
  readonly project: string;
  /** The place from which on to tell; from now on when left out. */
  readonly since: number | undefined;
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
  const told = new Map<string, number>();
  const mine = new Set<string>();
  let ring: () => void = () => undefined;
  const take = (change: RunChange): void => {
    if (change.project !== project || (told.get(change.runId) ?? 0) >= change.change) return;
    waiting.delete(change.runId);
    waiting.set(change.runId, change);
    ring();
  };
  const stop = changes.watch(take);
  try {
    if (since !== undefined) for (const change of await changes.since(project, since)) take(change);
    await tell(client, {
      signal,
      // Nothing is looked for by this client alone: what changes is read once for all.
      recheckMs: 60_000,
      listen: (listener) => {
        ring = () => listener.changed();
        // Progress says which run it is of, and not whose run that is.
        const progress: typeof listener.progress = (word) => {
          if (mine.has(word.runId)) listener.progress(word);
        };
        return feed.listenToAll({ changed: () => undefined, progress });
      },
      news: async () => {
        const frames = [...waiting.values()].map(({ runId, change, frame }) => {
          told.set(runId, change);
          mine.add(runId);
          return frame;
        });
        waiting.clear();
        return { frames, done: false };
      },
    });
  } finally {
    stop();
  }
}
