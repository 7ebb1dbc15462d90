import { setTimeout as sleep } from 'node:timers/promises';
import type { z } from 'zod';
import { ApiError, type ClusterClient } from './cluster-client.js';
import { listOf, watchLine } from './cluster-objects.js';

interface Named {
  readonly metadata: { readonly name: string; readonly resourceVersion: string };
}

const watchSeconds = 240;
const firstPauseMs = 250;
const longestPauseMs = 10_000;

/**
 * Keeps the objects of a selector in view until the signal is aborted: lists them, watches from there, and lists again when
 * the watch cannot go on (410 Gone). A watch that ends or breaks goes on where it was.
 *
 * @param onView gets all objects after each change
 * @param onError gets what is in the way; it is tried again whatever it is
 */
export async function watchList<Item extends z.ZodType<Named>>(
  client: ClusterClient,
  path: string,
  item: Item,
  selector: string,
  {
    onView,
    onError,
    signal,
  }: { onView: (items: z.output<Item>[]) => void; onError: (error: unknown) => void; signal: AbortSignal },
): Promise<void> {
  const known = new Map<string, z.output<Item>>();
  let version: string | undefined;
  let pause = firstPauseMs;
  const tell = (): void => onView([...known.values()]);
  while (!signal.aborted) {
    try {
      if (version === undefined) {
        const list = listOf(item).parse(
          await client.call({ method: 'GET', path, query: { labelSelector: selector }, signal }),
        );
        known.clear();
        for (const found of list.items) known.set(found.metadata.name, found);
        version = list.metadata.resourceVersion;
        tell();
      }
      const query: Record<string, string> = {
        ...{ watch: '1', labelSelector: selector, resourceVersion: version },
        ...{ allowWatchBookmarks: 'true', timeoutSeconds: String(watchSeconds) },
      };
      for await (const line of client.lines(path, query, signal)) {
        const { type, object } = watchLine.parse(JSON.parse(line));
        if (type === 'ERROR') throw errorOf(object);
        const changed = type === 'BOOKMARK' ? undefined : item.parse(object);
        version = (changed?.metadata.resourceVersion ?? bookmarkOf(object)) || version;
        if (changed === undefined) continue;
        if (type === 'DELETED') known.delete(changed.metadata.name);
        else known.set(changed.metadata.name, changed);
        pause = firstPauseMs;
        tell();
      }
    } catch (error) {
      if (signal.aborted) return;
      // From an expired version no watch goes on; after anything else a list is right, too, and costs little.
      version = undefined;
      if (!(error instanceof ApiError && error.status === 410)) {
        onError(error);
        await sleep(pause, undefined, { signal }).catch(() => undefined);
        pause = Math.min(longestPauseMs, 2 * pause);
      }
    }
  }
}

function errorOf(object: unknown): ApiError {
  const { code = 500, message = 'the watch ended with an error' } = object as { code?: number; message?: string };
  return new ApiError(code, '', message, undefined);
}

function bookmarkOf(object: unknown): string {
  const { metadata } = object as { metadata?: { resourceVersion?: string } };
  return metadata?.resourceVersion ?? '';
}
