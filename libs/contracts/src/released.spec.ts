import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { dataSchema } from './asyncapi.js';
import { eventByType, eventList, failureDetail } from './index.js';
import { breakingChanges } from './schema-changes.fixture.js';

const folder = join(import.meta.dirname, '..');
const read = (...path: string[]): unknown => JSON.parse(readFileSync(join(folder, ...path), 'utf8'));
const released = readdirSync(join(folder, 'released'));

/** During an upgrade, services of this version and of the released one read each other's events. */
describe.each(released)('the released form of %s', (file) => {
  const event = eventByType(file.replace(/\.json$/, ''));

  it('is still said, or in a further version beside it', () => {
    const subject = file.replace(/\.v\d+\.json$/, '');
    expect(eventList.map((known) => known.subject)).toContain(subject);
  });

  it('has nothing that breaks it: for that, the event needs a new version', () => {
    if (event) expect(breakingChanges(read('released', file), dataSchema(event))).toEqual([]);
  });

  it("takes today's messages", () => {
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    const validate = ajv.compile(z.looseObject({}).parse(read('released', file)));
    for (const golden of readdirSync(join(folder, 'golden')))
      if (event && golden.startsWith(`${event.type}.`)) {
        const said = event.data.parse(read('golden', golden));
        expect([golden, validate(JSON.parse(JSON.stringify(said))), validate.errors]).toEqual([golden, true, null]);
      }
  });
});

describe('a change of an event', () => {
  const base = z.object({
    run: z.string(),
    count: z.int().min(0),
    kind: z.enum(['a', 'b']),
    note: z.string().optional(),
  });
  const changes = (changed: z.ZodType): string[] =>
    breakingChanges(z.toJSONSchema(base, { io: 'input' }), z.toJSONSchema(changed, { io: 'input' }));

  it.each<[string, z.ZodType]>([
    ['an optional field', base.extend({ more: z.string().optional() })],
    ['a further value', base.extend({ kind: z.enum(['a', 'b', 'c']) })],
    ['another description', base.extend({ run: z.string().describe('which') })],
  ])('breaks nothing when it is %s', (_, changed) => {
    expect(changes(changed)).toEqual([]);
  });

  it.each<[string, z.ZodType, string]>([
    ['a field that has to be there', base.extend({ more: z.string() }), 'the data has to have more'],
    ['a field that is gone', base.omit({ note: true }), 'the data has no note'],
    ['a field that may be missing', base.extend({ run: z.string().optional() }), 'the data may lack run'],
    ['a field of another type', base.extend({ run: z.int() }), '.run has another type'],
    ['a wider range', base.extend({ count: z.int().min(-1) }), '.count has another minimum'],
    ['a value that is gone', base.extend({ kind: z.enum(['a']) }), '.kind lost b'],
    ['a field that may be null', base.extend({ note: z.string().nullable().optional() }), '.note has another type'],
  ])('breaks something when it is %s', (_, changed, problem) => {
    expect(changes(changed)).toContain(problem);
  });
});

describe('a failure of the next version', () => {
  const failure = { code: 'FROM_THE_FUTURE', message: 'It failed.', remedy: 'Look.', retryable: false };

  it('is read with all that this version understands', () => {
    expect(failureDetail.parse(failure)).toEqual({ ...failure, code: 'INTERNAL' });
  });

  it('is still refused when it has no code at all', () => {
    expect(failureDetail.safeParse({ ...failure, code: undefined }).success).toBe(false);
    expect(failureDetail.safeParse({ ...failure, code: 7 }).success).toBe(false);
  });
});
