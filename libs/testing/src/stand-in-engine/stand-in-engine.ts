import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { StandInFaults } from './faults.js';

const script = fileURLToPath(new URL('../../src/stand-in-engine/stand-in.mjs', import.meta.url));

export interface StandInEngine {
  /** Takes the place of the engine's Python. */
  readonly python: string;
  /** A model of a few numbers, in the form of Transformers. */
  readonly model: string;
  /** From the next start on. */
  setFaults(faults: StandInFaults): Promise<void>;
}

/** Puts a stand-in for the engine into a folder of the test's own. */
export async function makeStandInEngine(directory: string): Promise<StandInEngine> {
  await mkdir(join(directory, 'bin'), { recursive: true });
  // The environment of a training is complete and has no room for switches, so they travel in a file.
  const lines = ['#!/bin/sh', `ANNEAL_STAND_IN='${directory}' exec '${process.execPath}' '${script}' "$@"`, ''];
  for (const program of ['python', 'accelerate', 'axolotl']) {
    await writeFile(join(directory, 'bin', program), lines.join('\n'));
    await chmod(join(directory, 'bin', program), 0o755);
  }
  const setFaults = (faults: StandInFaults): Promise<void> =>
    writeFile(join(directory, 'faults.json'), JSON.stringify(faults));
  await setFaults({});
  return { python: join(directory, 'bin', 'python'), model: await writeModel(join(directory, 'model')), setFaults };
}

async function writeModel(directory: string): Promise<string> {
  await mkdir(directory, { recursive: true });
  const tensors = {
    'model.embed_tokens.weight': [0.5, -0.5, 0.25, 1],
    'model.layers.0.self_attn.q_proj.weight': [1, 2, 3, 4],
  };
  await writeFile(join(directory, 'model.safetensors'), safetensors(tensors));
  const files: Record<string, unknown> = {
    'config.json': { architectures: ['LlamaForCausalLM'], max_position_embeddings: 2048 },
    'generation_config.json': {},
    'tokenizer.json': { added_tokens: [{ content: '<|im_end|>' }] },
    'tokenizer_config.json': { eos_token: '<|im_end|>' },
  };
  for (const [name, value] of Object.entries(files)) await writeFile(join(directory, name), JSON.stringify(value));
  await writeFile(join(directory, 'chat_template.jinja'), '{{ messages }}<|im_end|>');
  return directory;
}

/** An adapter for the stand-in's model, as a training leaves it. */
export async function writeStandInAdapter(directory: string): Promise<string> {
  await mkdir(directory, { recursive: true });
  const prefix = 'base_model.model.model.layers.0.self_attn.q_proj';
  const halves = { [`${prefix}.lora_A.weight`]: [1, 0.5, 0.25, -1], [`${prefix}.lora_B.weight`]: [0.5, 0.5, -0.25, 1] };
  await writeFile(join(directory, 'adapter_model.safetensors'), safetensors(halves));
  await writeFile(join(directory, 'adapter_config.json'), JSON.stringify({ peft_type: 'LORA', r: 2, lora_alpha: 4 }));
  await writeFile(join(directory, 'tokenizer.json'), JSON.stringify({ trained: true }));
  await writeFile(join(directory, 'chat_template.jinja'), '{{ trained }}');
  return directory;
}

/** Tensors of 2 x 2 float32 numbers. */
function safetensors(tensors: Record<string, number[]>): Buffer {
  const entries = Object.entries(tensors);
  const header = Object.fromEntries(
    entries.map(([name], index) => [
      name,
      { dtype: 'F32', shape: [2, 2], data_offsets: [index * 16, index * 16 + 16] },
    ]),
  );
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...entries.map(([, values]) => Buffer.from(Float32Array.from(values).buffer))]);
}
