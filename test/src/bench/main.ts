import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, homedir, loadavg, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { Command, Option } from 'commander';
import { chain } from './chain.js';
import { data } from './data.js';
import { evaluation } from './evaluation.js';
import { gateway } from './gateway.js';
import { memory } from './memory.js';
import { outboxLag } from './outbox-lag.js';
import { recovery } from './recovery.js';
import { table, type Bench, type Result } from './result.js';

const benches = {
  outbox: outboxLag,
  chain,
  recovery,
  gateway,
  memory,
  data,
  evaluation,
} satisfies Record<string, Bench>;
const names = Object.keys(benches) as (keyof typeof benches)[];

interface Options {
  only?: string;
  quick: boolean;
  json?: string;
}

function machine() {
  const [first] = cpus();
  return {
    processor: first?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    node: process.version,
    commit: commit(),
    at: new Date().toISOString(),
  };
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', cwd: import.meta.dirname }).trim();
  } catch {
    return 'unknown';
  }
}

async function measure({ only, quick, json }: Options): Promise<void> {
  const wanted = only === undefined ? names : names.filter((name) => only.split(',').includes(name));
  if (wanted.length === 0) throw new Error(`--only takes some of: ${names.join(', ')}`);
  const where = machine();
  const load = { before: loadavg(), after: [0, 0, 0] };
  const results: Result[] = [];
  for (const name of wanted) {
    process.stderr.write(`${name} ...\n`);
    results.push(...(await benches[name]({ quick })));
  }
  load.after = loadavg();
  const { processor, cores, memoryGiB, node } = where;
  console.log(`\n${processor}, ${cores} cores, ${memoryGiB} GiB, Node ${node}, commit ${where.commit}`);
  console.log(`load ${load.before[0]?.toFixed(1)} before, ${load.after[0]?.toFixed(1)} after\n`);
  console.log(table(results));
  const file = json ?? join(homedir(), '.local', 'share', 'anneal', 'bench', `${where.at.replaceAll(':', '')}.json`);
  mkdirSync(dirname(file), { recursive: true });
  const raw = results.map(({ name, unit, samples }) => ({ name, unit, values: samples.values }));
  writeFileSync(file, `${JSON.stringify({ machine: where, load, quick, results: raw }, null, 1)}\n`);
  console.log(`\nAll values: ${file}`);
}

const command = new Command('npm run bench --')
  .description('Measures what Anneal adds to the work itself, and its memory.')
  .option('--only <names>', `some of: ${names.join(', ')}`)
  .addOption(new Option('--quick', 'a short run, to see that it works').default(false))
  .option('--json <file>', 'where all values go')
  .action(measure);

try {
  await command.parseAsync();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
process.exit();
