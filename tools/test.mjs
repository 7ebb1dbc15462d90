// All tests: Python, then unit, integration, conformance and end-to-end. Ends with one plain line of passed, failed and skipped.
//   npm test                     everything
//   npm test -- unit             one project of: python unit integration conformance e2e
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installServers } from '../infra/embedded/install.mjs';
import { installDemoModel } from '../libs/engine/install-demo-model.mjs';
import { installEngine } from '../libs/engine/install.mjs';
import { installLmEval } from '../libs/engine/install-lm-eval.mjs';
import { reportSetupError } from '../libs/setup/setup.mjs';
import { installPythonClient, installSchemathesis } from '../test/conformance/python/install.mjs';

const root = join(import.meta.dirname, '..');
const kinds = ['python', 'unit', 'integration', 'conformance', 'e2e'];
const wanted = process.argv.slice(2).filter((word) => kinds.includes(word));
const chosen = wanted.length > 0 ? wanted : kinds;
const log = (line) => console.log(line);
const total = { passed: 0, failed: 0, skipped: [] };

function add({ passed, failed, skipped }) {
  total.passed += passed;
  total.failed += failed;
  total.skipped.push(...skipped);
}

function runPython(python) {
  const folder = join(root, 'libs', 'engine', 'python');
  const result = spawnSync(python, ['-m', 'unittest', 'discover', '-s', 'tests', '-t', '.'], {
    cwd: folder,
    encoding: 'utf8',
    env: {
      ...process.env,
      PYTHONPATH: folder,
      PYTHONDONTWRITEBYTECODE: '1',
      AXOLOTL_DO_NOT_TRACK: '1',
      DO_NOT_TRACK: '1',
      HF_HUB_OFFLINE: '1',
    },
  });
  process.stdout.write(result.stderr);
  const ran = Number(/Ran (\d+) tests?/.exec(result.stderr)?.[1] ?? 0);
  const count = (word) => Number(new RegExp(`${word}=(\\d+)`).exec(result.stderr)?.[1] ?? 0);
  const broken = count('failures') + count('errors');
  const failed = result.status === 0 ? broken : Math.max(1, broken);
  const skipped = count('skipped');
  add({
    passed: Math.max(0, ran - broken - skipped),
    failed,
    skipped: Array.from({ length: skipped }, () => ({ test: 'Python', reason: 'see the Python output above' })),
  });
}

function runVitest(project) {
  const folder = mkdtempSync(join(tmpdir(), 'anneal-test-'));
  const counts = join(folder, 'counts.json');
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const reporter = join(root, 'tools', 'test-reporter.mjs');
  const result = spawnSync(
    process.execPath,
    [vitest, 'run', '--project', project, '--reporter=default', `--reporter=${reporter}`],
    {
      cwd: root,
      stdio: 'inherit',
      env: { ...process.env, ANNEAL_TEST_COUNTS: counts },
    },
  );
  if (existsSync(counts)) {
    const counted = JSON.parse(readFileSync(counts, 'utf8'));
    add({ ...counted, failed: result.status === 0 ? counted.failed : Math.max(1, counted.failed) });
  } else add({ passed: 0, failed: 1, skipped: [] });
  rmSync(folder, { recursive: true, force: true });
}

async function install() {
  await installServers({ log });
  const engine = await installEngine({ log });
  await installDemoModel({ engine, log });
  await installLmEval({ log });
  await installPythonClient({ log });
  await installSchemathesis({ log });
  return engine;
}

const engine = await install().catch((error) => {
  reportSetupError(error);
  process.exit(1);
});
for (const kind of chosen) {
  log(`\n${kind} tests`);
  if (kind === 'python') runPython(engine.python);
  else runVitest(kind);
}
if (total.skipped.length > 0) {
  log('\nSkipped:');
  for (const { test, reason } of total.skipped) log(`  ${test}: ${reason}`);
}
log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped.length} skipped`);
process.exit(total.failed > 0 ? 1 : 0);
