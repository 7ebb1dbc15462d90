import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { detectGpus } from '@anneal/compute';
import { engineHas } from '@anneal/engine';
import { installedEngine } from '@anneal/testing';
import { Command } from 'commander';
import { gpuCases } from './cases.js';
import { measuredTable, withTable, type Measured } from './measured.js';
import { tryTraining } from './try-training.js';

const document = join(import.meta.dirname, '..', '..', '..', 'docs', 'training.md');

interface Options {
  model?: string;
  write: boolean;
}

/** Trains on the GPUs of this machine for a few steps, and holds the estimates against what it measures. */
async function measure({ model, write }: Options): Promise<number> {
  const gpus = await detectGpus();
  if (gpus.length === 0) return skip('this machine has no GPU that nvidia-smi knows');
  const engine = installedEngine();
  if (typeof engine === 'string') return skip(engine);
  const folder = await mkdtemp(join(tmpdir(), 'anneal-gpu-'));
  const results: Measured[] = [];
  try {
    const deepspeed = await engineHas({ python: engine.python }, 'deepspeed');
    const bench = { folder, python: engine.python, model: model ?? engine.model, gpus };
    for (const one of gpuCases({ gpus: gpus.length, deepspeed })) {
      const outcome = await tryTraining(one, bench).catch((error: unknown) => ({
        ...{
          kind: 'failed' as const,
          code: 'INTERNAL',
          detail: error instanceof Error ? error.message : String(error),
        },
      }));
      results.push({ name: one.name, outcome });
      console.log(`${one.name}: ${outcome.kind}`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const machine = `${gpus.length} x ${gpus[0]?.name ?? ''}, ${model ?? 'SmolLM2-135M'}, ${new Date().toISOString().slice(0, 10)}:`;
  const table = measuredTable(machine, results);
  console.log(table);
  if (write) await writeFile(document, withTable(await readFile(document, 'utf8'), table));
  return results.some(({ outcome }) => outcome.kind === 'failed') ? 1 : 0;
}

function skip(why: string): number {
  console.log(`skipped: ${why}`);
  return 0;
}

const program = new Command('test:gpu')
  .description('Trains on the GPUs of this machine by every method and strategy, and measures what that takes.')
  .option('--model <dir>', 'a model in the form of Transformers; the small one of the demo when left out')
  .option('--no-write', 'leave docs/training.md as it is')
  .action(async (options: Options) => {
    process.exitCode = await measure(options);
  });
await program.parseAsync();
