import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { Progress } from '@anneal/contracts';
import { News } from './news.js';
import type { RunListener } from './run.feed.js';

export interface Telling {
  /** What comes before all news: it may be long, and is told no faster than the client reads. */
  readonly past?: () => AsyncIterable<string>;
  /** What is to be told now, in order, and whether nothing will come after it. */
  readonly news: () => Promise<{ frames: readonly string[]; done: boolean }>;
  readonly listen: (listener: RunListener) => () => void;
  /** Ends the telling, for example when the service stops. */
  readonly signal: AbortSignal;
  readonly heartbeatMs?: number;
  /** Looks for news even without a hint: another process of this service may have made them. */
  readonly recheckMs?: number;
}

/**
 * Tells one client something as Server-Sent Events: news, and progress in between. A client that reads too slowly misses
 * progress, but never news. Resolves when all is told or the client is gone.
 */
export async function tell(client: Writable, telling: Telling): Promise<void> {
  const { past, news, listen, signal, heartbeatMs = 15_000, recheckMs = 2_000 } = telling;
  const bell = new News();
  const gone = new AbortController();
  const leave = (): void => {
    gone.abort();
    bell.ring();
  };
  client.once('close', leave);
  client.on('error', leave);
  signal.addEventListener('abort', leave);
  let begun = false;
  const offer = (frame: string): void => {
    if (begun && !client.writableNeedDrain && !client.writableEnded) client.write(frame);
  };
  const silence = listen({
    changed: () => bell.ring(),
    progress: (progress) => offer(frameOf('progress', progress)),
  });
  const heartbeat = setInterval(() => offer(': heartbeat\n\n'), heartbeatMs);
  const recheck = setInterval(() => bell.ring(), recheckMs);
  try {
    if (signal.aborted || client.destroyed) leave();
    for await (const frame of past?.() ?? []) {
      if (gone.signal.aborted) return;
      client.write(frame);
      await drained(client, gone.signal);
    }
    while (!gone.signal.aborted) {
      const { frames, done } = await news();
      for (const frame of frames) client.write(frame);
      begun = true;
      if (done) return;
      await drained(client, gone.signal);
      await bell.rung();
    }
  } finally {
    silence();
    clearInterval(heartbeat);
    clearInterval(recheck);
    signal.removeEventListener('abort', leave);
    if (signal.aborted) client.destroy();
    else client.end();
  }
}

export function frameOf(event: 'run' | 'progress', data: Progress | object, id?: number): string {
  return `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
}

async function drained(client: Writable, signal: AbortSignal): Promise<void> {
  if (!client.writableNeedDrain || signal.aborted) return;
  await once(client, 'drain', { signal }).catch(() => undefined);
}
