/**
 * The pairs that the metadata of a job has to hold, or null for jobs that have none. The clients write
 * `metadata[key]=value`, and an empty `metadata=` when they were given null; the reference says `metadata=null`.
 */
export function metadataFilter(query: Readonly<Record<string, unknown>>): Record<string, string> | null {
  if (query['metadata'] === '' || query['metadata'] === 'null') return null;
  const pairs: Record<string, string> = {};
  for (const [name, value] of Object.entries(query)) {
    const [, key] = /^metadata\[(.+)\]$/.exec(name) ?? [];
    if (key !== undefined && typeof value === 'string') pairs[key] = value;
  }
  return pairs;
}
