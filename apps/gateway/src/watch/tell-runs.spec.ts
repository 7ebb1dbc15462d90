import { PassThrough } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { RunChange, RunChanges } from './run.changes.js';
import { RunFeed } from './run.feed.js';
import { tellRuns } from './tell-runs.js';

const changeOf = (change: number): RunChange => ({
  ...{ project: 'default', runId: `run-${change}`, change },
  frame: `event: run\nid: ${change}\ndata: ${'x'.repeat(1_000)}\n\n`,
});

/** Changes of a project with a long past. */
class Past {
  read = 0;
  private readonly watchers = new Set<(change: RunChange) => void>();

  constructor(private readonly length: number) {}

  watch(watcher: (change: RunChange) => void): () => void {
    this.watchers.add(watcher);
    return () => void this.watchers.delete(watcher);
  }

  async *since(_project: string, since: number): AsyncIterable<RunChange> {
    for (let change = since + 1; change <= this.length; change += 1) {
      this.read += 1;
      yield changeOf(change);
    }
  }

  happen(change: number): void {
    for (const watcher of this.watchers) watcher(changeOf(change));
  }
}

function watching(client: PassThrough, past: Past) {
  const stopping = new AbortController();
  const changes = past as unknown as RunChanges;
  const telling = { project: 'default', since: 0, changes, feed: new RunFeed(), signal: stopping.signal };
  return { told: tellRuns(client, telling), stop: () => stopping.abort() };
}

describe('watching all runs', () => {
  it('reads a long past no faster than the client does', async () => {
    const client = new PassThrough({ highWaterMark: 4_000 });
    const past = new Past(5_000);
    const { told, stop } = watching(client, past);
    await pause(200);
    expect(past.read).toBeLessThan(20);
    stop();
    await told;
  });

  it('tells the past first, and then what happened meanwhile, each once', async () => {
    const client = new PassThrough();
    const ids: number[] = [];
    client.on('data', (chunk: Buffer) => {
      ids.push(...[...chunk.toString().matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id)));
    });
    const past = new Past(3);
    const { told, stop } = watching(client, past);
    past.happen(2);
    past.happen(4);
    await expect.poll(() => ids).toEqual([1, 2, 3, 4]);
    past.happen(5);
    await expect.poll(() => ids).toEqual([1, 2, 3, 4, 5]);
    stop();
    await told;
  });
});
