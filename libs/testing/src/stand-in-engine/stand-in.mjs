// Stands in for the programs of the engine in tests: takes the same command lines and keeps the same contract in
// milliseconds, without torch. `engine-contract.ts` holds it and the real Axolotl to the same behaviour.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { mergeLora } from './merge-lora.mjs';
import { mergeParity } from './merge-parity.mjs';
import { train } from './train.mjs';

const parts = {
  'axolotl.cli.train': train,
  'merge-lora': mergeLora,
  'anneal_engine.merge_parity': mergeParity,
};

const args = process.argv.slice(2);
// The last name of a part is what is run; what stands before it belongs to the launcher.
const at = args.findLastIndex((arg) => arg in parts);
if (at === -1) {
  process.stderr.write(`the stand-in has no part for: ${args.join(' ')}\n`);
  process.exit(2);
}
const faults = JSON.parse(readFileSync(join(process.env.ANNEAL_STAND_IN, 'faults.json'), 'utf8'));
const asked = args.slice(0, at).find((arg) => arg.startsWith('--num_processes='));
await parts[args[at]](args.slice(at + 1), faults, Number(asked?.split('=')[1] ?? 1));
