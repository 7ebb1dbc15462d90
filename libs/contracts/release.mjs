// Keeps the schemas of the events as a version says them, when that version is released: the next one is held to them, since
// both run side by side during an upgrade. Needs the built library.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dataSchema } from './dist/asyncapi.js';
import { eventList } from './dist/catalog.js';

const target = join(import.meta.dirname, 'released');
rmSync(target, { recursive: true, force: true });
mkdirSync(target, { recursive: true });
for (const event of eventList)
  writeFileSync(join(target, `${event.type}.json`), `${JSON.stringify(dataSchema(event), null, 2)}\n`);
