import { copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parse } from 'yaml';
import { optionsOf } from './options.mjs';
import { readSafetensors, writeSafetensors } from './safetensors.mjs';

/** W + (alpha / r) B A for every pair of an adapter, as `axolotl merge-lora` does it; the rest comes from the base. */
export async function mergeLora(args, faults) {
  const { options, others } = optionsOf(args);
  await pause(faults.mergeMs ?? 0);
  const config = parse(readFileSync(others[0], 'utf8'));
  config.lora_model_dir = options['lora-model-dir'] ?? config.lora_model_dir;
  config.output_dir = options['output-dir'] ?? config.output_dir;
  const base = readSafetensors(join(config.base_model, 'model.safetensors'));
  const adapter = readSafetensors(join(config.lora_model_dir, 'adapter_model.safetensors'));
  const merged = join(config.output_dir, 'merged');
  mkdirSync(merged, { recursive: true });
  const targets = faults.matchesNothing ? [] : targetsOf(adapter);
  const scale = (config.lora_alpha / config.lora_r) * (faults.mergeScale ?? 1);
  for (const { name, down, up } of targets) base[name] = [base[name][0], fold(base[name], down, up, scale)];
  writeSafetensors(join(merged, 'model.safetensors'), base);
  for (const name of readdirSync(config.base_model)) {
    if (!name.endsWith('.safetensors')) copyFileSync(join(config.base_model, name), join(merged, name));
  }
  process.stdout.write(`[INFO] Applied LoRA to ${targets.length}/${Object.keys(base).length} tensors\n`);
}

/** The pairs of an adapter: the tensor of the base, A and B. */
export function targetsOf(adapter) {
  return Object.keys(adapter)
    .filter((key) => key.endsWith('.lora_A.weight'))
    .map((key) => ({
      name: key.replace('base_model.model.', '').replace('.lora_A.weight', '.weight'),
      down: adapter[key],
      up: adapter[key.replace('lora_A', 'lora_B')],
    }));
}

/** Row by row in float32, like the real one. */
export function fold([[rows, columns], weight], [[rank], a], [, b], scale) {
  return weight.map((value, index) => {
    const [row, column] = [Math.floor(index / columns), index % columns];
    if (row >= rows) return value;
    let sum = 0;
    for (let k = 0; k < rank; k += 1) sum += b[row * rank + k] * a[k * columns + column];
    return Math.fround(value + scale * sum);
  });
}
