import type { Writable } from 'node:stream';

/**
 * Lets the process outlast its terminal. Without a listener an output that cannot be written, since its reader is gone or
 * its disk is full, would end whatever runs: with `anneal up` that is the whole system. A result that was lost is told by
 * the exit status; a reader that has seen enough, as `head` has, is no error.
 */
export function outlastOutputs({ stdout, stderr }: { stdout: Writable; stderr: Writable } = process): void {
  stderr.on('error', () => undefined);
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    process.exitCode = 1;
    stderr.write(`The output could not be written: ${error.message}. Write it to a disk that has room.\n`);
  });
}
