import { setTimeout as pause } from 'node:timers/promises';
import { DatasetPrepared } from '@anneal/contracts';
import { createDataSource, Outbox } from '@anneal/jobs';
import { sampleEvents } from '@anneal/testing';
import { ChainOfProcesses } from './chain-of-processes.js';
import type { Bench, Result } from './result.js';
import { Samples } from './samples.js';

/** From the commit of an event to its arrival at a reader of the stream, at a steady rate; the relay is a process of its own. */
export const outboxLag: Bench = async ({ quick }) => {
  const chain = await ChainOfProcesses.open(['dataset']);
  const dataSource = createDataSource({
    url: chain.servers.environment('dataset')['POSTGRES_URL'] ?? '',
    schema: 'dataset',
  });
  await dataSource.initialize();
  try {
    const results: Result[] = [];
    for (const rate of [20, 100, 200]) {
      const samples = await lagAt(rate, quick ? 2 : 15, chain, new Outbox('dataset'), dataSource);
      const goal = { what: 'p99 < 50 ms', met: ({ p99 }: Samples) => p99 < 50 };
      results.push({ name: `outbox lag, ${rate} events/s`, unit: 'ms', samples, ...(rate === 100 ? { goal } : {}) });
    }
    return results;
  } finally {
    await dataSource.destroy();
    await chain.close();
  }
};

async function lagAt(
  rate: number,
  seconds: number,
  chain: ChainOfProcesses,
  outbox: Outbox,
  dataSource: ReturnType<typeof createDataSource>,
): Promise<Samples> {
  const committed = new Map<string, number>();
  const arrived = new Map<string, number>();
  const stop = chain.onEvent(({ event }, at) => arrived.set(event.id, at));
  const began = performance.now();
  const writes: Promise<void>[] = [];
  // Each write has its instant on the clock and waits for no other: a slow one does not thin out those after it.
  for (let index = 0; index < rate * seconds; index += 1) {
    const wait = began + (index * 1000) / rate - performance.now();
    if (wait > 0) await pause(wait);
    writes.push(write(index, rate, outbox, dataSource, committed));
  }
  await Promise.all(writes);
  for (const end = performance.now() + 10_000; performance.now() < end; await pause(20)) {
    if ([...committed.keys()].every((id) => arrived.has(id))) break;
  }
  stop();
  const samples = new Samples();
  // An event may arrive before the writer hears that its transaction is committed.
  for (const [id, at] of committed) samples.add(Math.max(0, (arrived.get(id) ?? Infinity) - at));
  return samples;
}

async function write(
  index: number,
  rate: number,
  outbox: Outbox,
  dataSource: ReturnType<typeof createDataSource>,
  committed: Map<string, number>,
): Promise<void> {
  const runId = `lag-${rate}-${index}`;
  const id = await dataSource.transaction((tx) =>
    outbox.add(tx, DatasetPrepared, sampleEvents(runId).prepared, { runId }),
  );
  committed.set(id, performance.now());
}
