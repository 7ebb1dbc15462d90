import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import type { Progress } from '@anneal/contracts';
import { describe, expect, it } from 'vitest';
import { sampleEvents, sampleSpec } from '@anneal/testing';
import { openedRun, type RunRecord } from '../runs/run.record.js';
import { datasetPrepared, stageFailed } from '../runs/run-state.js';
import { RunFeed } from './run.feed.js';
import { tellRun } from './tell-run.js';
import type { Telling } from './tell.js';

const at = '2026-01-01T00:00:00.000Z';
const opened = openedRun(sampleSpec('r1'), at);
const prepared: RunRecord = { ...datasetPrepared(opened, at, sampleEvents('r1').prepared.dataset).run, version: 2 };
const failed: RunRecord = { ...stageFailed(prepared, at, sampleEvents('r1').failed).run, version: 3 };
const progress = (done: number): Progress => ({
  runId: 'r1',
  stage: 'trainer',
  at,
  attempt: 1,
  phase: 'training',
  done,
});

function setUp(client: PassThrough, options: Partial<Telling> = {}) {
  const feed = new RunFeed();
  const stopping = new AbortController();
  const row = { now: opened };
  const told = tellRun(client, {
    read: async () => row.now,
    listen: (listener) => feed.listen('r1', listener),
    signal: stopping.signal,
    ...options,
  });
  const become = (run: RunRecord) => {
    row.now = run;
    feed.changed('r1');
  };
  return { feed, stopping, row, told, become };
}

function eventsIn(text: string): string[] {
  return [...text.matchAll(/^(?:event|id): (\w+)$/gm)].map(([, value]) => value ?? '');
}

function collect(client: PassThrough): { text: () => string } {
  let text = '';
  client.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { text: () => text };
}

describe('watching a run', () => {
  it('tells the run first, then every change and progress, and ends with the final state', async () => {
    const client = new PassThrough();
    const { text } = collect(client);
    const { feed, told, become } = setUp(client);
    await pause(5);
    become(prepared);
    await pause(5);
    feed.progress(progress(1));
    become(failed);
    await told;
    await once(client, 'end');
    expect(eventsIn(text())).toEqual(['run', '1', 'run', '2', 'progress', 'run', '3']);
    expect(text()).toContain('"state":"failed"');
  });

  it('drops progress for a client that does not read, and no state', async () => {
    const client = new PassThrough({ highWaterMark: 64 });
    const { feed, told, become } = setUp(client);
    await pause(5);
    for (let done = 0; done < 1000; done += 1) feed.progress(progress(done));
    become(prepared);
    become(failed);
    await pause(5);
    expect(client.writableLength + client.readableLength).toBeLessThan(5000);
    const { text } = collect(client);
    await told;
    await once(client, 'end');
    expect(eventsIn(text())).toEqual(['run', '1', 'run', '3']);
  });

  it('finds a change that nobody hinted at', async () => {
    const client = new PassThrough();
    const { text } = collect(client);
    const { row, told } = setUp(client, { recheckMs: 5 });
    row.now = failed;
    await told;
    await once(client, 'end');
    expect(eventsIn(text()).at(-1)).toBe('3');
  });

  it('keeps a silent connection alive', async () => {
    const client = new PassThrough();
    const { text } = collect(client);
    const { told, become } = setUp(client, { heartbeatMs: 5 });
    await pause(30);
    become(failed);
    await told;
    expect(text()).toContain(': heartbeat\n\n');
  });

  it('ends when the client goes', async () => {
    const client = new PassThrough();
    collect(client);
    const { told } = setUp(client);
    await pause(5);
    client.destroy();
    await told;
  });

  it('ends when the service stops, even for a client that does not read', async () => {
    const client = new PassThrough({ highWaterMark: 64 });
    const { told, stopping } = setUp(client);
    await pause(5);
    stopping.abort();
    await told;
    expect(client.destroyed).toBe(true);
  });
});
