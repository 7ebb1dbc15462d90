import { parentPort, workerData } from 'node:worker_threads';
import { Failure } from '@anneal/contracts';
import { prepareSet } from './prepare.set.js';
import type { ThreadReply } from './prepare.set.in-thread.js';
import type { SetInput } from './set.input.js';

const { input, directory } = workerData as { input: SetInput; directory: string };
const say = (reply: ThreadReply): void => parentPort?.postMessage(reply);

const stop = new AbortController();
parentPort?.on('message', () => stop.abort());

try {
  const onRows = (rows: number): void => say({ kind: 'rows', rows });
  say({ kind: 'done', report: await prepareSet(input, { directory, signal: stop.signal, onRows }) });
} catch (error) {
  if (error instanceof Failure) say({ kind: 'failed', failure: error.toDetail() });
  else throw error;
} finally {
  parentPort?.close();
}
