import { z } from 'zod';

/** A timestamptz, as the API writes it. */
export const instant = z.date().transform((date) => date.toISOString());

/** The driver gives a bigint as text; sizes and places are far below the limit of a number. */
export const bigint = z.string().transform(Number);

/** NULL is a field that is not there. */
export const absent = <Schema extends z.ZodType>(schema: Schema) =>
  schema.nullable().transform((value) => value ?? undefined);
