import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, slotFile, startProcess, type Gpu } from '@anneal/compute';
import { parseRunSpec } from '@anneal/contracts';
import { axolotlConfig, engineProcessEnv, readModelSize, renderYaml, trainCommand, trainOutcome } from '@anneal/engine';
import { estimateTraining, hostsOf, modelShape, readModelConfig, resolvePlan } from '@anneal/planning';
import type { GpuCase } from './cases.js';
import { peakOf, readEvents, type Outcome } from './measured.js';

const rows = 64;
const paths = { model: 'model', data: 'data/rows.jsonl', prepared: 'prepared', output: 'output' };
const limitMs = 20 * 60_000;

export interface Bench {
  readonly folder: string;
  readonly python: string;
  /** Folder of a model in the form of Transformers. */
  readonly model: string;
  readonly gpus: readonly Gpu[];
}

/** Trains for a few steps as the trainer would, with the plan and the configuration that it would make. */
export async function tryTraining({ name, training, skipped }: GpuCase, bench: Bench): Promise<Outcome> {
  if (skipped !== undefined) return { kind: 'skipped', why: skipped };
  const { gpus, model: directory } = bench;
  const folder = join(bench.folder, name.replaceAll(/[^a-z0-9]+/gi, '-'));
  const planned = await planOf(training, directory, gpus);
  await prepare(
    folder,
    directory,
    renderYaml(axolotlConfig({ plan: planned.plan, prompt: 'load-qa', paths, endOfTurn: [] })),
  );
  const { plan, estimated } = planned;
  const engine = { python: bench.python };
  const indices = gpus.slice(0, plan.processes).map(({ index }) => index);
  const port = plan.processes > 1 ? { port: await freePort() } : {};
  const events = join(folder, 'events.jsonl');
  const process = await startProcess({
    directory: join(folder, 'process'),
    identity: { job: name, attempt: 1, token: '1' },
    ...trainCommand(engine, { config: join(folder, 'config.yaml'), device: 'gpu', processes: plan.processes, ...port }),
    env: engineProcessEnv(engine, {
      ...{ home: join(folder, 'home'), gpus: indices, threads: 8, events, stopFile: join(folder, 'stop') },
    }),
    cwd: folder,
    slot: indices.map((index) => slotFile(bench.folder, index)),
    attendedSeconds: 60,
  });
  try {
    const exit = await process.wait(AbortSignal.timeout(limitMs));
    const read = readEvents(await readFile(events, 'utf8').catch(() => ''));
    const outcome = trainOutcome({ exit, events: read, log: await process.tailLog(200) });
    if (outcome.kind === 'failed') return outcome;
    const peak = peakOf(read);
    const end = read.findLast((event) => event.event === 'trainEnd');
    const worlds = read.flatMap((event) => (event.event === 'trainBegin' ? [event.worldSize] : []));
    if (outcome.kind === 'stopped' || peak === undefined || worlds.at(-1) !== plan.processes) {
      const detail = `world size ${worlds.at(-1)} of ${plan.processes}, peak ${peak ?? 'not told'}, ${outcome.kind}`;
      return { kind: 'failed', code: 'ENGINE_BUG', detail };
    }
    const seconds = (read.at(-1)?.time ?? 0) - (read.at(0)?.time ?? 0);
    return { kind: 'measured', estimated, peak, steps: end?.step ?? 0, seconds };
  } finally {
    await process.kill(5_000).catch(() => undefined);
  }
}

async function planOf(asked: GpuCase['training'], directory: string, gpus: readonly Gpu[]) {
  const parsed = parseRunSpec({ model: { base: 'file:/model' }, dataset: { source: 'acme/rows' }, training: asked });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const { training } = parsed.spec;
  const size = await readModelSize(directory);
  const model = modelShape(readModelConfig(size.config, directory), size.parameters);
  const hosts = hostsOf(gpus, 0);
  const characters = { total: rows * 1_500, longest: 1_500 };
  const maxPositions = model.maxPositions ?? 2048;
  const { plan, load } = resolvePlan({ training, rows, characters, maxPositions, hosts, model });
  if (!load) throw new Error('a model of known size has a load');
  const amount = { steps: plan.steps, tokens: undefined };
  const { perGpu } = estimateTraining({ reference: directory, model, load, hosts, amount });
  return { plan, estimated: perGpu.total };
}

/** Letters with blanks are a token each for nearly every tokenizer: most of the sequence is used, and nothing is too long. */
const answer = (index: number): string =>
  Array.from({ length: 400 }, (_, at) => String.fromCharCode(97 + ((index + at * at) % 26))).join(' ');

async function prepare(folder: string, model: string, yaml: string): Promise<void> {
  for (const name of ['data', 'output', 'home']) await mkdir(join(folder, name), { recursive: true });
  await symlink(model, join(folder, paths.model));
  const lines = Array.from({ length: rows }, (_, index) =>
    JSON.stringify({ question: `${index}?`, answer: answer(index) }),
  );
  await writeFile(join(folder, paths.data), `${lines.join('\n')}\n`);
  await writeFile(join(folder, 'config.yaml'), yaml);
}
