import { open } from 'node:fs/promises';

const mostBytes = 256 * 1024;

/** The last lines of a log, empty when there is none. Of a progress bar only the last state is left. */
export async function tailLines(path: string, lines: number): Promise<string> {
  const handle = await open(path, 'r').catch(() => undefined);
  if (handle === undefined) return '';
  try {
    const { size } = await handle.stat();
    const length = Math.min(size, mostBytes);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    return lastLines(buffer.toString('utf8', 0, bytesRead), lines);
  } finally {
    await handle.close();
  }
}

export function lastLines(text: string, lines: number): string {
  const all = text.split('\n').map((line) => line.replace(/\r+$/, '').replace(/^.*\r/s, ''));
  if (all.at(-1) === '') all.pop();
  return all.slice(Math.max(0, all.length - lines)).join('\n');
}
