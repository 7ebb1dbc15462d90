// Writes everything that is generated and committed. `--check` says whether something would change.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const steps = [
  [process.execPath, ['libs/contracts/generate.mjs']],
  [process.execPath, ['examples/home-control/generate.mjs']],
];
for (const [command, args] of steps) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (result.status !== 0) process.exit(result.status ?? 1);
}
if (process.argv.includes('--check')) {
  const changed = spawnSync(
    'git',
    ['status', '--porcelain', '--', 'libs/contracts/generated', 'examples/home-control'],
    { cwd: root, encoding: 'utf8' },
  );
  if (changed.stdout.trim() !== '') {
    console.error(`Generated files are not up to date; run "npm run generate" and commit:\n${changed.stdout}`);
    process.exit(1);
  }
}
