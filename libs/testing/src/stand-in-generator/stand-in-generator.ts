import { appendFileSync, chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../../src/stand-in-generator/generate.mjs', import.meta.url));

/** What a test may ask of the stand-in. It reads them anew at every start. */
export interface GeneratorFaults {
  /** How long a batch takes. */
  readonly batchMs?: number;
  /** The process dies by SIGKILL once it has answered so many prompts, unless it went on from an earlier start. */
  readonly dieAfter?: number;
}

/** A prompt that was handed to a model, by whichever process. */
export interface Asked {
  readonly id: string;
  readonly model: string;
  readonly pid: number;
}

export interface StandInGenerator {
  /** Takes the place of the engine's Python. */
  readonly python: string;
  /** From the next start on. */
  setFaults(faults: GeneratorFaults): void;
  /** Every asking, in order, over all starts. */
  asked(): Asked[];
}

/** Puts a stand-in for the batch generation into a folder of the test's own. */
export function makeStandInGenerator(directory: string): StandInGenerator {
  const bin = join(directory, 'bin');
  mkdirSync(bin, { recursive: true });
  const python = join(bin, 'python');
  // The environment of a generation is complete and has no room for switches, so they travel in a file.
  const lines = ['#!/bin/sh', `ANNEAL_STAND_IN='${directory}' exec '${process.execPath}' '${script}' "$@"`, ''];
  writeFileSync(python, lines.join('\n'));
  chmodSync(python, 0o755);
  const setFaults = (faults: GeneratorFaults): void =>
    writeFileSync(join(directory, 'faults.json'), JSON.stringify(faults));
  setFaults({});
  const log = join(directory, 'asked.jsonl');
  appendFileSync(log, '');
  const asked = (): Asked[] =>
    readFileSync(log, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Asked);
  return { python, setFaults, asked };
}
