import { setTimeout as sleep } from 'node:timers/promises';
import { ApiError, type ClusterClient } from './cluster-client.js';

const firstPauseMs = 250;
const longestPauseMs = 5_000;
const mostLastTries = 5;

/**
 * Hands on every line of a pod's log once, from its first one until `isOver` says that there will be no more. A stream that
 * breaks is opened again from its last second on, and lines up to the last time stamp are passed over.
 */
export async function followLog(
  client: ClusterClient,
  podName: string,
  containerName: string,
  { onLine, isOver, signal }: { onLine: (line: string) => void; isOver: () => boolean; signal: AbortSignal },
): Promise<void> {
  const path = `/api/v1/namespaces/${client.namespace}/pods/${podName}/log`;
  let last = '';
  let sameTime = 0;
  let pause = firstPauseMs;
  let lastTries = 0;
  for (;;) {
    // Asked before reading: what was written until then is read after it.
    const over = isOver();
    let again = sameTime;
    try {
      const query: Record<string, string> = {
        ...{ container: containerName, timestamps: 'true' },
        ...(over ? {} : { follow: 'true' }),
        ...(last === '' ? {} : { sinceTime: `${last.slice(0, 19)}Z` }),
      };
      for await (const line of client.lines(path, query, signal)) {
        const [, time, text] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*Z) ?(.*)$/s.exec(line) ?? [];
        if (time === undefined || text === undefined || time < last) continue;
        if (time === last && again > 0) {
          again -= 1;
          continue;
        }
        sameTime = time === last ? sameTime + 1 : 1;
        again = 0;
        last = time;
        pause = firstPauseMs;
        onLine(text);
      }
      if (over) return;
    } catch (error) {
      if (signal.aborted) return;
      // The pod is gone, or its node, and what it said last with it.
      if (over && (error instanceof ApiError || (lastTries += 1) === mostLastTries)) return;
    }
    if (signal.aborted) return;
    await sleep(pause, undefined, { signal }).catch(() => undefined);
    pause = Math.min(longestPauseMs, pause * 1.5);
  }
}
