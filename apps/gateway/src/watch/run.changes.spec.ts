import { setTimeout as pause } from 'node:timers/promises';
import { createLogger } from '@anneal/service';
import { sampleSpec } from '@anneal/testing';
import { describe, expect, it } from 'vitest';
import { openedRun, type RunRecord } from '../runs/run.record.js';
import type { RunTable } from '../runs/run.table.js';
import { RunChanges } from './run.changes.js';
import { RunFeed } from './run.feed.js';

/** The runs of a database, as far as changes are looked for. */
class Runs {
  readonly known: RunRecord[] = [];

  change(id: string): void {
    this.known.push({ ...openedRun(sampleSpec(id), '2026-01-01T00:00:00.000Z'), change: this.known.length + 1 });
  }

  async lastChange(): Promise<number> {
    return this.known.length;
  }

  async *changedSince(change: number): AsyncIterable<RunRecord> {
    yield* this.known.filter((run) => run.change > change);
  }
}

describe('the first who watches', () => {
  it('hears of what is changed after it has asked and before the first look', async () => {
    const runs = new Runs();
    runs.change('before');
    const changes = new RunChanges(runs as unknown as RunTable, new RunFeed(), createLogger('gateway', 'silent'));
    const heard: string[] = [];
    const stop = changes.watch(({ runId }) => void heard.push(runId));
    try {
      for await (const { runId } of changes.since('default', 1)) heard.push(runId);
      runs.change('between');
      await pause(100);
      expect(heard).toEqual(['between']);
    } finally {
      stop();
      await changes.beforeApplicationShutdown();
    }
  });
});
