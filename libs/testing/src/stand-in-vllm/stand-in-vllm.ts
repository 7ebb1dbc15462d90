import { appendFileSync, chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Asked } from '../stand-in-generator/stand-in-generator.js';

const script = fileURLToPath(new URL('../../src/stand-in-vllm/serve.mjs', import.meta.url));

/** What a test may ask of the stand-in. It reads them anew at every start. */
export interface VllmFaults {
  /** Answers 503 for so long after its start. */
  readonly loadMs?: number;
  /** How long an answer takes. */
  readonly answerMs?: number;
  /** The first server that is started dies by SIGKILL at the question after so many. */
  readonly crashAfter?: number;
  /** The first server that is started answers nothing any more, not even to /health, from the question after so many. */
  readonly hangAfter?: number;
}

export interface StandInVllm {
  /** Takes the place of the Python beside which `vllm` lies. */
  readonly python: string;
  /** From the next start on. */
  setFaults(faults: VllmFaults): void;
  /** Every question that reached a server, in order, over all starts; its text is its id. */
  asked(): Asked[];
}

/** Puts a stand-in for vLLM into a folder of the test's own. */
export function makeStandInVllm(directory: string): StandInVllm {
  const bin = join(directory, 'bin');
  mkdirSync(bin, { recursive: true });
  // The environment of a server is complete and has no room for switches, so they travel in a file.
  const lines = ['#!/bin/sh', `ANNEAL_STAND_IN='${directory}' exec '${process.execPath}' '${script}' "$@"`, ''];
  writeFileSync(join(bin, 'vllm'), lines.join('\n'));
  chmodSync(join(bin, 'vllm'), 0o755);
  const setFaults = (faults: VllmFaults): void => writeFileSync(join(directory, 'faults.json'), JSON.stringify(faults));
  setFaults({});
  const log = join(directory, 'asked.jsonl');
  appendFileSync(log, '');
  const asked = (): Asked[] =>
    readFileSync(log, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Asked);
  return { python: join(bin, 'python'), setFaults, asked };
}
