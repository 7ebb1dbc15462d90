// Keeps what the migrations do, when they are released: from then on they stay as they are. Needs the built workspace.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { allMigrations } from './dist/upgrade/migration-statements.js';

const digests = Object.fromEntries((await allMigrations()).map(({ name, digest }) => [name, digest]));
writeFileSync(join(import.meta.dirname, 'released-migrations.json'), `${JSON.stringify(digests, null, 2)}\n`);
