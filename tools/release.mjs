// Keeps the events and the migrations as they are now, for the tests that hold the next version to them. Part of every
// release, and of nothing else: docs/operations.md, "Upgrade".
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

for (const script of ['libs/contracts/release.mjs', 'test/release.mjs']) {
  const { status } = spawnSync(process.execPath, [script], { cwd: join(import.meta.dirname, '..'), stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
