// What CI does, in CI's order; every failure names the command that mends it.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const bin = (name) => join(root, 'node_modules', '.bin', name);

/** Looked at without running anything: two rows side by side, since the first takes as long as all others together. */
const still = [
  [['lint', 'npm', ['run', '--silent', 'lint'], 'npm run lint']],
  [
    ['format', bin('prettier'), ['--check', '--log-level=warn', '.'], 'npm run format'],
    ['dependency rules', 'npm', ['run', '--silent', 'rules'], 'mend the import that is named'],
    ['dead code', bin('knip'), [], 'remove what is named, or use it'],
    ['generated files', process.execPath, ['tools/generate.mjs', '--check'], 'npm run generate'],
  ],
];
const faults = ['--seed', '1', '--only', 'storm,directed,edges,disk,controls,real'];
const running = [
  // One seed, so that what is red here is red again elsewhere; soaks take others, and the part in a cluster.
  ['faults', process.execPath, ['test/dist/faults/main.js', ...faults], `npm run test:faults -- ${faults.join(' ')}`],
  ['tests', process.execPath, ['tools/test.mjs'], 'npm test'],
];

const busy = new Set();

function stop(name, remedy) {
  for (const child of busy) child.kill();
  console.error(`\n"${name}" failed: ${remedy}.`);
  process.exit(1);
}

const seconds = (began) => ((Date.now() - began) / 1000).toFixed(1);

/** Runs a step and says what it said in one piece, so that two at once stay readable. */
async function look([name, command, args, remedy]) {
  const began = Date.now();
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  busy.add(child);
  const said = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => said.push(part));
  const [status] = await once(child, 'close');
  busy.delete(child);
  process.stdout.write(`\n== ${name}\n${Buffer.concat(said)}`);
  if (status !== 0) stop(name, remedy);
  console.log(`${name}: ok (${seconds(began)} s)`);
}

await Promise.all(
  still.map(async (row) => {
    for (const step of row) await look(step);
  }),
);
for (const [name, command, args, remedy] of running) {
  console.log(`\n== ${name}`);
  const began = Date.now();
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) stop(name, remedy);
  if (name !== 'tests') console.log(`${name}: ok (${seconds(began)} s)`);
}
