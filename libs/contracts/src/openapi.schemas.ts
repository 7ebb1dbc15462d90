import { z } from 'zod';

export type Json = Record<string, unknown>;

/** What a name is for: the same schema differs on both sides where a field has a default. */
type Side = 'input' | 'output';

/**
 * Writes zod schemas as the JSON Schemas of one document. Those with an id of their own are written once, under
 * `components/schemas`; one that is both asked for and answered stands there as `IDInput`, too.
 */
export class DocumentSchemas {
  private readonly named = { input: new Map<string, unknown>(), output: new Map<string, unknown>() };

  /** Of something that callers send. */
  asks(schema: z.ZodType): Json {
    return this.write(schema, 'input');
  }

  /** Of something that the gateway answers. Readers pass over fields that a later version may have added. */
  answers(schema: z.ZodType): Json {
    return this.write(schema, 'output');
  }

  /** The document with these schemas among its components, and with every reference leading to them. */
  complete(document: Json & { components: Json }): Json {
    const nameOf = (side: Side, id: string): string =>
      side === 'input' && this.named.output.has(id) ? `${id}Input` : id;
    const schemas = (['output', 'input'] as const).flatMap((side) =>
      [...this.named[side]].map(([id, schema]) => [nameOf(side, id), schema] as const),
    );
    const sorted = Object.fromEntries(schemas.toSorted(([a], [b]) => (a < b ? -1 : 1)));
    const whole = { ...document, components: { ...document.components, schemas: sorted } };
    return changed(whole, '$ref', (reference) => {
      const [side, id] = reference.split(':');
      if (id === undefined || (side !== 'input' && side !== 'output')) return reference;
      return `#/components/schemas/${nameOf(side, id)}`;
    }) as Json;
  }

  private write(schema: z.ZodType, io: Side): Json {
    // Wrapped, so that a schema with an id is referred to wherever it stands.
    const written = z.toJSONSchema(z.object({ schema }), { io, override: io === 'output' ? lenient : () => {} });
    const place = (value: unknown): unknown =>
      changed(portable(value), '$ref', (reference) => reference.replace('#/$defs/', `${io}:`));
    for (const [id, definition] of Object.entries(written.$defs ?? {})) {
      // zod repeats `.meta({ id })` inside a definition.
      const { id: _id, ...rest } = definition as Json;
      this.named[io].set(id, place(rest));
    }
    return place(written.properties?.['schema'] ?? {}) as Json;
  }
}

/** Undoes what the output side adds: it would forbid the fields that a later version may have. */
function lenient({ zodSchema, jsonSchema }: { zodSchema: z.core.$ZodTypes; jsonSchema: Json }): void {
  const { def } = zodSchema._zod;
  if (def.type === 'object' && def.catchall === undefined) delete jsonSchema['additionalProperties'];
}

/** Not every language knows the classes of Unicode by name. */
function portable(schema: unknown): unknown {
  return changed(schema, 'pattern', (pattern) => pattern.replace('\\p{Cc}', '\\u0000-\\u001f\\u007f-\\u009f'));
}

/** The same with the text under a keyword changed wherever it occurs. */
function changed(value: unknown, keyword: '$ref' | 'pattern', change: (text: string) => string): unknown {
  if (Array.isArray(value)) return value.map((entry) => changed(entry, keyword, change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) =>
      key === keyword && typeof entry === 'string' ? [key, change(entry)] : [key, changed(entry, keyword, change)],
    ),
  );
}
