import { readFileSync } from 'node:fs';
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { z } from 'zod';

const definitions = z.looseObject({ $defs: z.record(z.string(), z.looseObject({})) });
const kindOfDefinition = z.looseObject({
  'x-kubernetes-group-version-kind': z.tuple([z.object({ group: z.string(), version: z.string(), kind: z.string() })]),
});
const kindOfObject = z.looseObject({ apiVersion: z.string(), kind: z.string() });

/**
 * Reads the definitions of one version of Kubernetes, and returns what says everything that is wrong with an object: a
 * kind that there is none of, a field of a wrong form, and a field that is not known.
 */
export function objectProblems(schemas: string): (object: unknown) => string[] {
  const document = definitions.parse(JSON.parse(readFileSync(schemas, 'utf8')));
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
  ajv.addSchema({ ...document, $id: 'kubernetes' });
  const names = new Map<string, string>();
  for (const [name, definition] of Object.entries(document.$defs)) {
    const known = kindOfDefinition.safeParse(definition);
    if (!known.success) continue;
    const [{ group, version, kind }] = known.data['x-kubernetes-group-version-kind'];
    names.set(`${group ? `${group}/` : ''}${version} ${kind}`, name);
  }
  const compiled = new Map<string, ValidateFunction>();
  return (object) => {
    const parsed = kindOfObject.safeParse(object);
    if (!parsed.success) return ['it has no apiVersion and kind'];
    const kind = `${parsed.data.apiVersion} ${parsed.data.kind}`;
    const name = names.get(kind);
    if (name === undefined) return [`${kind} is no kind of object`];
    const validate = compiled.get(name) ?? ajv.compile({ $ref: `kubernetes#/$defs/${name}` });
    compiled.set(name, validate);
    return validate(object) ? [] : (validate.errors ?? []).map((error) => `${kind}: ${problem(error)}`);
  };
}

function problem({ instancePath, message = '', params }: ErrorObject): string {
  const extra = z.object({ additionalProperty: z.string() }).safeParse(params);
  const where = instancePath || 'it';
  return extra.success ? `${where} has the unknown field ${extra.data.additionalProperty}` : `${where} ${message}`;
}
