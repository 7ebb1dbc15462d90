import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openApi } from './index.js';

const text = JSON.stringify(openApi());
const document = JSON.parse(text) as { components: Record<string, Record<string, { additionalProperties?: boolean }>> };

describe('the OpenAPI document', () => {
  it('is what is committed; "npm run generate" writes it', () => {
    const committed = join(import.meta.dirname, '..', 'generated', 'openapi.json');
    expect(document).toEqual(JSON.parse(readFileSync(committed, 'utf8')));
  });

  it('refers only to what is in it', () => {
    for (const [, reference = ''] of text.matchAll(/"\$ref":"([^"]*)"/g)) {
      const [, place = '', part = '', name = ''] = reference.split('/');
      expect(place, reference).toBe('components');
      expect(document.components[part]?.[name], reference).toBeDefined();
    }
  });

  it('lets answers have the fields of a later version, but for a RunSpec', () => {
    const { RunView, File, RunSpec, RunSpecInput } = document.components['schemas'] ?? {};
    expect([RunView, File].map((schema) => schema?.additionalProperties)).toEqual([undefined, undefined]);
    expect([RunSpec, RunSpecInput].map((schema) => schema?.additionalProperties)).toEqual([false, false]);
  });
});
