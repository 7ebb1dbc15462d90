import { isDeepStrictEqual } from 'node:util';
import type { Difference } from '@anneal/contracts';

/** The fields in which two pieces of plain data differ, in the order of their names. Lists count as one value. */
export function differencesOf(a: object | undefined, b: object | undefined): Difference[] {
  const [left, right] = [fieldsOf(a ?? {}), fieldsOf(b ?? {})];
  const fields = [...new Set([...left.keys(), ...right.keys()])].toSorted();
  return fields.flatMap((field) => {
    if (isDeepStrictEqual(left.get(field), right.get(field))) return [];
    return [
      {
        field,
        ...(left.has(field) ? { a: left.get(field) } : {}),
        ...(right.has(field) ? { b: right.get(field) } : {}),
      },
    ];
  });
}

function fieldsOf(value: object, at = ''): Map<string, unknown> {
  const entries = Object.entries(value).flatMap(([name, inner]: [string, unknown]): [string, unknown][] => {
    if (inner === undefined) return [];
    const field = at === '' ? name : `${at}.${name}`;
    const isNested = typeof inner === 'object' && inner !== null && !Array.isArray(inner);
    return isNested ? [...fieldsOf(inner, field)] : [[field, inner]];
  });
  return new Map(entries);
}
