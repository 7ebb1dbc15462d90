import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const schemaFile = join(import.meta.dirname, '..', 'generated', 'axolotl-schema.json');
const keys = z.array(z.string()).transform((names) => new Set(names));
const schema = z.object({ axolotl: z.string(), root: keys, dataset: keys, required: z.array(z.string()) });

export interface UnknownKey {
  /** Dotted, for example `datasets.0.field_mesages`. */
  readonly path: string;
}

/**
 * The keys of a configuration that the installed Axolotl does not know. It would ignore them without a word, at the root
 * and in `datasets`, so a misspelt key silently trains something else.
 */
export function unknownKeys(config: object): UnknownKey[] {
  const { root, dataset } = readSchema();
  const entries = 'datasets' in config && Array.isArray(config.datasets) ? config.datasets : [];
  return [
    ...unknownIn(config, root, ''),
    ...entries.flatMap((entry: unknown, index) => unknownIn(entry, dataset, `datasets.${index}.`)),
  ];
}

/** Whether the installed Axolotl knows a key at the root of a configuration. */
export function isAxolotlKey(key: string): boolean {
  return readSchema().root.has(key);
}

function readSchema(): z.infer<typeof schema> {
  return schema.parse(JSON.parse(readFileSync(schemaFile, 'utf8')));
}

function unknownIn(value: unknown, known: ReadonlySet<string>, prefix: string): UnknownKey[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.keys(value)
    .filter((key) => !known.has(key))
    .map((key) => ({ path: `${prefix}${key}` }));
}
