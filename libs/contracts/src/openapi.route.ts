import type { z } from 'zod';

/** Bytes or text under their media type. */
export interface Content {
  readonly types: readonly string[];
  readonly schema: z.ZodType;
}

/** A parameter that no schema can tell of, as it stands in the document. */
export interface PlainParameter {
  readonly name: string;
  readonly in: 'query' | 'header';
  readonly description: string;
  readonly schema: Readonly<Record<string, unknown>>;
  readonly style?: string;
  readonly explode?: boolean;
}

/** A route of the gateway as it is documented. */
export interface ApiRoute {
  readonly method: 'get' | 'post' | 'delete';
  /** With `{name}` in the place of each parameter. */
  readonly path: string;
  /** Unique, for those who generate clients. */
  readonly id: string;
  readonly summary: string;
  readonly query?: z.ZodObject;
  readonly parameters?: readonly PlainParameter[];
  readonly body?: Content;
  /** Set where a request may come without one. */
  readonly bodyMayBeAbsent?: true;
  /** What it answers when all is well, by status. */
  readonly answers: Readonly<Record<number, Content>>;
  /** Where an answer has the id that the routes below this one need, as a JSON pointer. */
  readonly idAt?: string;
  /** Statuses of refusals beyond those that follow from method and path. */
  readonly refusals?: readonly number[];
  /** Set where no key is asked for. */
  readonly open?: true;
}

/** The statuses with which a route may refuse: see `api-error.ts` of the gateway for what leads to each. */
export function refusalsOf({ method, path, query, open, refusals = [] }: ApiRoute): number[] {
  const hasParameters = path.includes('{');
  const isRead = method === 'get';
  const statuses = [
    ...(hasParameters || query || !isRead ? [400] : []),
    ...(hasParameters ? [404] : []),
    // A body is read wherever it may come, also where none is asked for.
    ...(isRead ? [] : [413, 415]),
    ...(open ? [] : [401, 429, 503]),
    ...(open || isRead ? [] : [403]),
    ...refusals,
  ];
  return [...new Set(statuses)].toSorted((a, b) => a - b);
}
