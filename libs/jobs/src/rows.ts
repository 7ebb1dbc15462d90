import { z } from 'zod';

const changed = z.tuple([z.array(z.unknown()), z.number().nullable()]);

/** How many rows an UPDATE or DELETE touched; TypeORM answers those with [rows, count]. */
export function countOf(result: unknown): number {
  return changed.parse(result)[1] ?? 0;
}

/** The rows that an UPDATE … RETURNING gave back. */
export function returnedRows(result: unknown): unknown[] {
  return changed.parse(result)[0];
}
