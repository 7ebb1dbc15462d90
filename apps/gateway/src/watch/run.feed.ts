import type { Progress } from '@anneal/contracts';
import { Injectable } from '@nestjs/common';

export interface RunListener {
  /** The row of the run has changed; its version says whether it is news. */
  changed(): void;
  progress(progress: Progress): void;
}

/** Tells those who watch a run in this process that there is something new. A hint only: the row is the truth. */
@Injectable()
export class RunFeed {
  private readonly listeners = new Map<string, Set<RunListener>>();
  private readonly ofAll = new Set<RunListener>();

  /** Listens to every run. @returns ends the listening */
  listenToAll(listener: RunListener): () => void {
    this.ofAll.add(listener);
    return () => void this.ofAll.delete(listener);
  }

  /** @returns ends the listening */
  listen(runId: string, listener: RunListener): () => void {
    const present = this.listeners.get(runId) ?? new Set();
    this.listeners.set(runId, present.add(listener));
    return () => {
      present.delete(listener);
      if (present.size === 0 && this.listeners.get(runId) === present) this.listeners.delete(runId);
    };
  }

  changed(runId: string): void {
    for (const listener of this.ofAll) listener.changed();
    for (const listener of this.listeners.get(runId) ?? []) listener.changed();
  }

  progress(progress: Progress): void {
    for (const listener of this.ofAll) listener.progress(progress);
    for (const listener of this.listeners.get(progress.runId) ?? []) listener.progress(progress);
  }
}
