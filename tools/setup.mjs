// Makes a fresh clone runnable: npm packages from the lock, then the build. Plain Node, since nothing is installed yet.
//   node tools/setup.mjs                      set up only
//   node tools/setup.mjs --then WORD ARGS     set up, then `anneal WORD ARGS`
//   node tools/setup.mjs --run FILE ARGS      set up, then a script with the project's own Node
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const root = join(import.meta.dirname, '..');
const say = (line) => process.stderr.write(`${line}\n`);

function stop(sentence) {
  say(sentence);
  process.exit(1);
}

function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  stop(
    `Anneal needs Node 20.19 or newer, and this is ${process.versions.node}: install a newer Node and run the command again.`,
  );
}

function installPackages() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  const stamp = join(root, 'node_modules', '.anneal-lock');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  say('Installing npm packages from the lock (about half a minute) ...');
  // Several packages declare newer Node versions than npm may run on here; they run on the project's own Node.
  const result = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (result.error) stop('npm was not found: install Node with npm and run the command again.');
  if (result.status !== 0)
    stop(
      'npm could not install the packages: see its message above; without a network the packages cannot be fetched.',
    );
  writeFileSync(stamp, lock);
}

/** The Node that the lock pins, where its platform has one; else the one that runs this script. */
function projectNode() {
  const pinned = join(root, 'node_modules', '.bin', 'node');
  return existsSync(pinned) ? pinned : process.execPath;
}

function build(node) {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const built = existsSync(join(root, 'apps', 'cli', 'dist', 'main.js'));
  if (!built) say('Building ...');
  const result = spawnSync(node, [tsc, '-b'], { cwd: root, stdio: ['ignore', 2, 2] });
  if (result.status !== 0) stop('The build failed: see the messages above.');
}

function handOver(node, args) {
  const environment = {
    ...process.env,
    PATH: `${join(root, 'node_modules', '.bin')}${delimiter}${process.env.PATH ?? ''}`,
  };
  const child = spawn(node, args, { stdio: 'inherit', env: environment });
  // A terminal sends Ctrl-C, and its own end, to the whole group; the child decides when it is done.
  process.on('SIGINT', () => {});
  process.on('SIGHUP', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
}

requireNode();
installPackages();
const node = projectNode();
build(node);
const [mode, target, ...rest] = process.argv.slice(2);
if (mode === '--then') handOver(node, [join(root, 'apps', 'cli', 'bin', 'anneal.js'), target, ...rest]);
else if (mode === '--run') handOver(node, [join(root, target), ...rest]);
else say('Ready: "npm run demo" shows a whole run.');
