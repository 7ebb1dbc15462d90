import { on } from 'node:events';
import { Worker } from 'node:worker_threads';
import { threadFile } from '../../thread.file.js';

/** Those that Node cannot unpack by itself. */
export type ThreadCompression = 'bzip2' | 'xz';

export interface ThreadOrder {
  readonly path: string;
  readonly compression: ThreadCompression;
  /** How many chunks were taken. */
  readonly taken: Int32Array;
}

export interface UnpackedChunk {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Of the file, up to here. */
  readonly packedBytes: number;
}

export type UnpackReply = UnpackedChunk | 'end';

/** Chunks that are unpacked before they are asked for. */
export const mostAhead = 4;
const resourceLimits = { maxYoungGenerationSizeMb: 16, maxOldGenerationSizeMb: 64 };

/** Unpacks a file in a thread, no faster than it is read: the decoders stop for nothing else, and leave memory behind. */
export async function* unpackInThread(path: string, compression: ThreadCompression): AsyncGenerator<UnpackedChunk> {
  const taken = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(threadFile('readers/packed/unpack.thread.js'), {
    ...{ workerData: { path, compression, taken } satisfies ThreadOrder, execArgv: [], resourceLimits },
  });
  const replies = on(worker, 'message', { close: ['exit'] }) as AsyncIterable<[UnpackReply]>;
  // Whoever reads no further does not listen, and an error that nobody hears ends the process.
  worker.on('error', () => undefined);
  try {
    for await (const [reply] of replies) {
      if (reply === 'end') return;
      yield reply;
      Atomics.add(taken, 0, 1);
      Atomics.notify(taken, 0);
    }
  } finally {
    await worker.terminate();
  }
  throw new Error('the thread that unpacks has ended');
}
