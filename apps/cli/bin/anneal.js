#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const main = join(import.meta.dirname, '..', 'dist', 'main.js');
if (existsSync(main)) {
  await import(main);
} else {
  process.stderr.write('Anneal is not built yet: run "npm run setup" in the clone first.\n');
  process.exitCode = 1;
}
