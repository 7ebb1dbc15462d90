import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Parser } from '@asyncapi/parser';
import { describe, expect, it } from 'vitest';
import { asyncApi, dataSchema } from './asyncapi.js';
import { eventByType, eventList, events } from './index.js';

const generated = join(import.meta.dirname, '..', 'generated');
const golden = join(import.meta.dirname, '..', 'golden');

describe('the catalog of events', () => {
  it('has each name, subject and type once', () => {
    for (const key of ['name', 'subject', 'type'] as const) {
      expect(new Set(eventList.map((event) => event[key])).size).toBe(eventList.length);
    }
  });

  it('keeps each event under its own name', () => {
    for (const [name, event] of Object.entries(events)) expect(event.name).toBe(name);
  });

  it('is what the committed schemas say; "npm run generate" writes them', () => {
    for (const event of eventList) {
      const committed: unknown = JSON.parse(readFileSync(join(generated, 'schemas', `${event.type}.json`), 'utf8'));
      expect(JSON.parse(JSON.stringify(dataSchema(event)))).toEqual(committed);
    }
    expect(JSON.parse(JSON.stringify(asyncApi()))).toEqual(
      JSON.parse(readFileSync(join(generated, 'asyncapi.json'), 'utf8')),
    );
  });

  it('is a valid AsyncAPI document', async () => {
    const { document, diagnostics } = await new Parser().parse(JSON.stringify(asyncApi()));
    expect(diagnostics.filter(({ severity }) => Number(severity) === 0)).toEqual([]);
    expect(document).toBeDefined();
    // The parser takes seconds for a document of this size.
  }, 30_000);

  it('never forbids the fields of a later version, but for the RunSpec at the front door', () => {
    for (const event of eventList.filter(({ frontDoor }) => !frontDoor)) {
      expect(JSON.stringify(dataSchema(event)), event.name).not.toContain('"additionalProperties":false');
    }
  });
});

describe('messages of earlier versions', () => {
  const files = existsSync(golden) ? readdirSync(golden).filter((name) => name.endsWith('.json')) : [];

  it('exist for every event', () => {
    const types = new Set(files.map((name) => name.replace(/(\.\d+)?\.json$/, '')));
    expect(eventList.map(({ type }) => type).filter((type) => !types.has(type))).toEqual([]);
  });

  it.each(files)('%s is still read', (name) => {
    const definition = eventByType(name.replace(/(\.\d+)?\.json$/, ''));
    const data: unknown = JSON.parse(readFileSync(join(golden, name), 'utf8'));
    expect(definition?.data.safeParse(data).error).toBeUndefined();
  });
});
