import { z } from 'zod';

const schema = z.looseObject({
  $defs: z.record(z.string(), z.unknown()).default({}),
  $ref: z.string().optional(),
  properties: z.record(z.string(), z.unknown()).default({}),
  required: z.array(z.string()).default([]),
  enum: z.array(z.unknown()).optional(),
  items: z.unknown().optional(),
  anyOf: z.array(z.unknown()).optional(),
  oneOf: z.array(z.unknown()).optional(),
  additionalProperties: z.unknown().optional(),
});
type Schema = z.infer<typeof schema>;

/** What a value may be: said more loosely, readers of before refuse it; more tightly, those of today refuse what was said. */
const limits = [
  ...['type', 'const', 'pattern', 'format', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
  ...['multipleOf', 'minLength', 'maxLength', 'minItems', 'maxItems', 'uniqueItems'],
];

/**
 * Says what makes messages of two versions unreadable to each other. An optional field more is none of it, and neither is
 * a further value of a list: it is sent only once somebody of the newer version asks for it.
 */
export function breakingChanges(before: unknown, now: unknown): string[] {
  const [old, current] = [schema.parse(before), schema.parse(now)];
  const seen = new Set<string>();

  function compare(where: string, oldPart: unknown, currentPart: unknown): string[] {
    const place = `${where} ${refOf(oldPart)} ${refOf(currentPart)}`;
    if (refOf(oldPart) && seen.has(place)) return [];
    seen.add(place);
    const [was, is] = [resolve(old, oldPart), resolve(current, currentPart)];
    const say = (what: string): string => `${where || 'the data'} ${what}`;
    return [
      ...limits.filter((limit) => !same(was[limit], is[limit])).map((limit) => say(`has another ${limit}`)),
      ...(was.enum ?? [])
        .filter((value) => !(is.enum ?? []).includes(value))
        .map((value) => say(`lost ${String(value)}`)),
      ...(was.enum === undefined && is.enum !== undefined ? [say('became a list of values')] : []),
      ...was.required.filter((name) => !is.required.includes(name)).map((name) => say(`may lack ${name}`)),
      ...is.required.filter((name) => !was.required.includes(name)).map((name) => say(`has to have ${name}`)),
      ...Object.entries(was.properties).flatMap(([name, part]) =>
        name in is.properties ? compare(`${where}.${name}`, part, is.properties[name]) : [say(`has no ${name}`)],
      ),
      ...inside(`${where}[]`, was.items, is.items),
      ...inside(`${where}.*`, was.additionalProperties, is.additionalProperties),
      ...alternatives(where, was.anyOf ?? was.oneOf, is.anyOf ?? is.oneOf),
    ];
  }

  function inside(where: string, was: unknown, is: unknown): string[] {
    if (typeof was === 'object' && typeof is === 'object' && was && is) return compare(where, was, is);
    return same(was, is) ? [] : [`${where} is taken differently`];
  }

  function alternatives(where: string, was: unknown[] = [], is: unknown[] = []): string[] {
    if (was.length > is.length) return [`${where} lost an alternative`];
    return was.flatMap((part, index) => compare(`${where}|${index + 1}`, part, is[index]));
  }

  return compare('', old, current);
}

const refOf = (part: unknown): string => z.looseObject({ $ref: z.string() }).safeParse(part).data?.$ref ?? '';
const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

function resolve(document: Schema, part: unknown): Schema {
  const parsed = schema.parse(part);
  const [, name] = /^#\/\$defs\/(.+)$/.exec(parsed.$ref ?? '') ?? [];
  return name === undefined ? parsed : resolve(document, document.$defs[name]);
}
