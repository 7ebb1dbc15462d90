import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fold, targetsOf } from './merge-lora.mjs';
import { optionsOf } from './options.mjs';
import { readSafetensors } from './safetensors.mjs';

/** Compares the weights like the real one; the logits stand in for by the same differences. */
export async function mergeParity(args) {
  const { options } = optionsOf(args);
  const weights = (folder, name) => readSafetensors(join(folder, name));
  const base = weights(options.base, 'model.safetensors');
  const merged = weights(options.merged, 'model.safetensors');
  const config = JSON.parse(readFileSync(join(options.adapter, 'adapter_config.json'), 'utf8'));
  const prompts = readFileSync(options.prompts);
  // Without a reader of parquet, that a file is one is all that can be seen.
  if (options.prompts.endsWith('.parquet')) requireParquet(prompts);
  else for (const row of prompts.toString('utf8').trim().split('\n')) JSON.parse(row).messages.slice(0, -1);
  const targets = targetsOf(weights(options.adapter, 'adapter_model.safetensors'));
  let worst = 0;
  for (const { name, down, up } of targets) {
    const expected = fold(base[name], down, up, config.lora_alpha / config.r);
    worst = Math.max(worst, ...expected.map((value, index) => Math.abs(value - merged[name][1][index])));
  }
  const same = (name) => JSON.stringify(base[name]) === JSON.stringify(merged[name]);
  const others = Object.keys(base).filter((name) => targets.every((target) => target.name !== name));
  const result = {
    targets: targets.length,
    changed: targets.filter(({ name }) => !same(name)).length,
    untouched: others.filter(same).length,
    foreign: others.filter((name) => !same(name)).length,
    largestWeightDifference: worst,
    largestLogitDifference: worst,
    sameNextToken: worst < 0.5,
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

function requireParquet(bytes) {
  if (bytes.toString('latin1', 0, 4) !== 'PAR1') throw new Error('the prompts are no parquet file');
}
