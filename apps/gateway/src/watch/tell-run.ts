import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { isFinal, type Progress } from '@anneal/contracts';
import type { RunRecord } from '../runs/run.record.js';
import { toRunView } from '../runs/run.view.js';
import type { RunListener } from './run.feed.js';

export interface Telling {
  /** The run as it is now. */
  readonly read: () => Promise<RunRecord>;
  readonly listen: (listener: RunListener) => () => void;
  /** Ends the telling, for example when the service stops. */
  readonly signal: AbortSignal;
  readonly heartbeatMs?: number;
  /** Looks at the row even without a hint: another process of this service may have changed it. */
  readonly recheckMs?: number;
}

/**
 * Tells one client of a run as Server-Sent Events: `run` with the whole view first and after each change, `progress`
 * in between. A client that reads too slowly misses progress, but never how the run stands. Resolves when the final
 * state is told or the client is gone.
 */
export async function tellRun(client: Writable, telling: Telling): Promise<void> {
  const { read, listen, signal, heartbeatMs = 15_000, recheckMs = 2_000 } = telling;
  const news = new News();
  const gone = new AbortController();
  const leave = (): void => {
    gone.abort();
    news.ring();
  };
  client.once('close', leave);
  client.on('error', leave);
  signal.addEventListener('abort', leave);
  let told = 0;
  const offer = (frame: string): void => {
    if (told > 0 && !client.writableNeedDrain && !client.writableEnded) client.write(frame);
  };
  const silence = listen({
    changed: () => news.ring(),
    progress: (progress) => offer(frameOf('progress', progress)),
  });
  const heartbeat = setInterval(() => offer(': heartbeat\n\n'), heartbeatMs);
  const recheck = setInterval(() => news.ring(), recheckMs);
  try {
    if (signal.aborted) leave();
    while (!gone.signal.aborted) {
      const run = await read();
      if (run.version > told) {
        client.write(frameOf('run', toRunView(run), run.version));
        told = run.version;
        if (isFinal(run.state)) return;
      }
      await drained(client, gone.signal);
      await news.rung();
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

function frameOf(event: 'run' | 'progress', data: Progress | object, id?: number): string {
  return `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
}

async function drained(client: Writable, signal: AbortSignal): Promise<void> {
  if (!client.writableNeedDrain || signal.aborted) return;
  await once(client, 'drain', { signal }).catch(() => undefined);
}

/** Remembers that somebody rang until somebody looks. */
class News {
  private waiting: (() => void) | undefined;
  private has = false;

  ring(): void {
    this.has = true;
    this.waiting?.();
  }

  async rung(): Promise<void> {
    if (!this.has) await new Promise<void>((resolve) => (this.waiting = resolve));
    this.waiting = undefined;
    this.has = false;
  }
}
