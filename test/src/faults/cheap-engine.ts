import { appendFileSync, chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeStandInEngine, makeStandInGenerator, type GeneratorFaults, type StandInFaults } from '@anneal/testing';

export interface CheapEngine {
  /** Takes the place of the engine's Python for all stages. */
  readonly python: string;
  readonly model: string;
  setFaults(faults: StandInFaults): Promise<void>;
  setGeneratorFaults(faults: GeneratorFaults): void;
  /** Folders in which a training was started, one entry for every start. */
  trainingStarts(): string[];
}

/** The stand-ins for training, merging and generation behind one name, with every start of a training written down. */
export async function makeCheapEngine(directory: string): Promise<CheapEngine> {
  const engine = await makeStandInEngine(join(directory, 'train'));
  const generator = makeStandInGenerator(join(directory, 'generate'));
  const starts = join(directory, 'starts.log');
  appendFileSync(starts, '');
  const bin = join(directory, 'bin');
  mkdirSync(bin, { recursive: true });
  // `accelerate` is started as a file of its own beside the Python, so all three names lead to the same script.
  const script = [
    '#!/bin/sh',
    'case "$*" in',
    `  *anneal_engine.generate*) exec '${generator.python}' "$@" ;;`,
    `  *axolotl.cli.train*) pwd >> '${starts}' ;;`,
    'esac',
    `exec '${engine.python}' "$@"`,
    '',
  ].join('\n');
  const python = join(bin, 'python');
  writeFileSync(python, script);
  chmodSync(python, 0o755);
  for (const name of ['accelerate', 'axolotl']) copyFileSync(python, join(bin, name));
  return {
    python,
    model: engine.model,
    setFaults: (faults) => engine.setFaults(faults),
    setGeneratorFaults: (faults) => generator.setFaults(faults),
    trainingStarts: () => readFileSync(starts, 'utf8').split('\n').filter(Boolean),
  };
}
