import { parentPort, workerData } from 'node:worker_threads';
import { unpackBzip2 } from './bzip2.decoder.js';
import { PackedFile } from './packed.file.js';
import { mostAhead, type ThreadOrder, type UnpackReply } from './unpack.in-thread.js';
import { unpackXz } from './xz.decoder.js';

const { path, compression, taken } = workerData as ThreadOrder;
const file = new PackedFile(path);
let given = 0;

/** Stands still while too much has not been taken: the decoders would fill the memory. */
function give(bytes: Uint8Array<ArrayBuffer>): void {
  if (bytes.length === 0) return;
  for (let now = Atomics.load(taken, 0); given - now >= mostAhead; now = Atomics.load(taken, 0))
    Atomics.wait(taken, 0, now);
  given += 1;
  parentPort?.postMessage({ bytes, packedBytes: file.bytesRead } satisfies UnpackReply, [bytes.buffer]);
}

if (compression === 'bzip2') unpackBzip2(file, give);
else await unpackXz(file, give);
parentPort?.postMessage('end' satisfies UnpackReply);
