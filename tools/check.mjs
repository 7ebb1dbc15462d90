// What CI does, in CI's order; every failure names the command that mends it.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const bin = (name) => join(root, 'node_modules', '.bin', name);
const steps = [
  ['format', bin('prettier'), ['--check', '--log-level=warn', '.'], 'npm run format'],
  ['lint', 'npm', ['run', '--silent', 'lint'], 'npm run lint'],
  ['dependency rules', 'npm', ['run', '--silent', 'rules'], 'mend the import that is named'],
  ['dead code', bin('knip'), [], 'remove what is named, or use it'],
  ['generated files', process.execPath, ['tools/generate.mjs', '--check'], 'npm run generate'],
  // One seed, so that what is red here is red again elsewhere; soaks take others.
  ['faults', process.execPath, ['test/dist/faults/main.js', '--seed', '1'], 'npm run test:faults -- --seed 1'],
  ['tests', process.execPath, ['tools/test.mjs'], 'npm test'],
];
for (const [name, command, args, remedy] of steps) {
  console.log(`\n== ${name}`);
  const began = Date.now();
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (result.status !== 0) {
    console.error(`\n"${name}" failed: ${remedy}.`);
    process.exit(1);
  }
  if (name !== 'tests') console.log(`${name}: ok (${((Date.now() - began) / 1000).toFixed(1)} s)`);
}
