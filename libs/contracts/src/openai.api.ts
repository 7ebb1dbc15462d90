import { z } from 'zod';

/** The envelope of every error below /v1, as the official clients read it: all four keys, `param` and `code` possibly null. */
export const openaiError = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.string(),
      param: z.string().nullable(),
      code: z.string().nullable(),
    }),
  })
  .meta({ id: 'OpenaiError' });
export type OpenaiErrorBody = z.infer<typeof openaiError>;

const page = z.object({
  object: z.literal('list'),
  data: z.array(z.unknown()),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
  has_more: z.boolean(),
});
/** A page of a list. The official clients ask for the next one with the id of its last item. */
export type Page<Item> = Omit<z.infer<typeof page>, 'data'> & { data: Item[] };

export function pageOf<Item extends z.ZodType>(item: Item) {
  return page.extend({ data: z.array(item) });
}

/** What the lists of OpenAI that have no pages look like. */
export function wholeListOf<Item extends z.ZodType>(item: Item) {
  return z.object({ object: z.literal('list'), data: z.array(item) });
}

/** The parameters that all lists with pages share. */
export function pageParameters({ limit, most }: { limit: number; most: number }) {
  return z.object({
    limit: z.coerce.number().int().min(1).max(most).default(limit),
    after: z.string().min(1).max(200).optional().describe('Id of the last item of the page before.'),
  });
}
export type PageQuery = z.infer<ReturnType<typeof pageParameters>>;

/** The answer to a deletion. */
export function deletedOf<const Kind extends string>(kind: Kind) {
  return z.object({ id: z.string(), object: z.literal(kind), deleted: z.literal(true) });
}

/** Seconds since 1970. */
export const unixSeconds = z.int().min(0).describe('Seconds since 1970.');

export const openaiModel = z
  .object({ id: z.string(), object: z.literal('model'), created: unixSeconds, owned_by: z.string() })
  .meta({ id: 'Model' });
export type OpenaiModel = z.infer<typeof openaiModel>;
