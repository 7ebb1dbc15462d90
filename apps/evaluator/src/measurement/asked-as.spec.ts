import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { askedAs } from './asked-as.js';

const directory = mkdtempSync(join(tmpdir(), 'anneal-asked-as-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

it('changes with the model, its template, the settings and the versions, and with nothing else', async () => {
  const model = { directory, revision: 'r1' };
  const inference = { settings: { form: 'batch', batch: 8 }, versions: { torch: '1', transformers: '2' } };
  writeFileSync(join(directory, 'chat_template.jinja'), 'a');
  const first = await askedAs(model, inference);
  expect(await askedAs(model, { ...inference, versions: { transformers: '2', torch: '1' } })).toBe(first);
  const others = [
    await askedAs({ ...model, revision: 'r2' }, inference),
    await askedAs(model, { ...inference, settings: { form: 'batch', batch: 4 } }),
    await askedAs(model, { ...inference, versions: { torch: '1', transformers: '3' } }),
  ];
  writeFileSync(join(directory, 'chat_template.jinja'), 'b');
  expect(new Set([first, ...others, await askedAs(model, inference)]).size).toBe(5);
});
