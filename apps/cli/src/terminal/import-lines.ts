import type { ImportedKey } from '@anneal/engine';
import { table } from './table.js';

/** What became of each key of a foreign configuration. */
export function importLines(keys: readonly ImportedKey[]): string[] {
  const order = ['refused', 'changed', 'kept'] as const;
  const rows = order.flatMap((outcome) =>
    keys.filter((key) => key.outcome === outcome).map(({ key, reason }) => [outcome, key, reason]),
  );
  return table(['', 'key', 'why'], rows).split('\n');
}
