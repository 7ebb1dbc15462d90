import { Worker } from 'node:worker_threads';
import { Failure, type DataReport, type FailureDetail } from '@anneal/contracts';
import type { SetInput, SetOptions } from './set.input.js';
import { threadFile } from '../thread.file.js';

export type ThreadReply =
  | { readonly kind: 'rows'; readonly rows: number }
  | { readonly kind: 'done'; readonly report: DataReport }
  | { readonly kind: 'failed'; readonly failure: FailureDetail };

/** Rows only pass through; what is kept of them lies outside of this heap. */
const resourceLimits = { maxYoungGenerationSizeMb: 16, maxOldGenerationSizeMb: 1024 };

/** `prepareSet` in a thread of its own, for a process that has to answer meanwhile. */
export async function prepareSetInThread(
  input: SetInput,
  { directory, signal, onRows }: SetOptions,
): Promise<DataReport> {
  signal.throwIfAborted();
  const worker = new Worker(threadFile('preparation/set.thread.js'), {
    ...{ workerData: { input, directory }, execArgv: [], resourceLimits },
  });
  const stop = (): void => worker.postMessage('stop');
  signal.addEventListener('abort', stop);
  try {
    return await new Promise<DataReport>((resolve, reject) => {
      worker.on('message', (reply: ThreadReply) => {
        if (reply.kind === 'rows') onRows?.(reply.rows);
        else if (reply.kind === 'done') resolve(reply.report);
        else reject(Failure.fromDetail(reply.failure));
      });
      worker.on('error', (error) => {
        const cause: unknown = signal.aborted ? signal.reason : error;
        reject(cause instanceof Error ? cause : new Error(String(cause)));
      });
      worker.on('exit', () => reject(new Error('the thread that prepares the set has ended')));
    });
  } finally {
    signal.removeEventListener('abort', stop);
    await worker.terminate();
  }
}
