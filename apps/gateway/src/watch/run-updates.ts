import { isFinal, type Progress, type StageName } from '@anneal/contracts';
import type { RunRecord } from '../runs/run.record.js';
import { News } from './news.js';
import type { RunListener } from './run.feed.js';

export type RunUpdate = { readonly run: RunRecord } | { readonly progress: Progress };

export interface Following {
  /** The run as it is now. */
  readonly read: () => Promise<RunRecord>;
  readonly listen: (listener: RunListener) => () => void;
  /** Ends the following. */
  readonly signal: AbortSignal;
  /** Looks at the row even without a hint: another process of this service may have changed it. */
  readonly recheckMs?: number;
}

/**
 * Follows a run: the run first and after each change, progress in between, until its final state or the signal. What
 * comes while the reader is busy is kept as the newest state and the newest progress of each stage, and no more.
 */
export async function* runUpdates({ read, listen, signal, recheckMs = 2_000 }: Following): AsyncGenerator<RunUpdate> {
  const news = new News();
  const waiting = new Map<StageName, Progress>();
  let changed = true;
  let told = 0;
  const look = (): void => {
    changed = true;
    news.ring();
  };
  const silence = listen({
    changed: look,
    progress: (progress) => {
      waiting.set(progress.stage, progress);
      news.ring();
    },
  });
  const recheck = setInterval(look, recheckMs);
  signal.addEventListener('abort', look);
  try {
    while (!signal.aborted) {
      const [word] = waiting.values();
      if (changed) {
        changed = false;
        const run = await read();
        if (run.version <= told) continue;
        told = run.version;
        yield { run };
        if (isFinal(run.state)) return;
      } else if (word) {
        waiting.delete(word.stage);
        yield { progress: word };
      } else await news.rung();
    }
  } finally {
    silence();
    clearInterval(recheck);
    signal.removeEventListener('abort', look);
  }
}
