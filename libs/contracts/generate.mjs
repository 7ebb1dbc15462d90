// Writes what other languages read: one JSON Schema per event, the AsyncAPI document, and the OpenAPI document of the
// gateway. Needs the built library.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asyncApi, dataSchema } from './dist/asyncapi.js';
import { eventList } from './dist/catalog.js';
import { openApi } from './dist/openapi.js';

const target = join(import.meta.dirname, 'generated');
rmSync(target, { recursive: true, force: true });
mkdirSync(join(target, 'schemas'), { recursive: true });
const write = (name, value) => writeFileSync(join(target, name), `${JSON.stringify(value, null, 2)}\n`);
for (const event of eventList) write(join('schemas', `${event.type}.json`), dataSchema(event));
write('asyncapi.json', asyncApi());
write('openapi.json', openApi());
