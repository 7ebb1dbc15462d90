import type { TrainingPlan } from '@anneal/contracts';

/** Paths of a merge, relative to its folder. Axolotl puts the result into `merged` below `output`. */
export const mergePaths = { base: 'base', adapter: 'adapter', output: 'output', merged: 'output/merged' } as const;

/**
 * The configuration of `merge-lora`. It names no plugin, since plugins are loaded by a merge too. A QLoRA adapter is
 * merged into the base as it is, not into its four-bit copy: only so can the result be checked against the adapter.
 */
export function mergeConfig({ sequenceLength, lora }: TrainingPlan) {
  return {
    base_model: mergePaths.base,
    trust_remote_code: false,
    adapter: 'lora',
    lora_model_dir: mergePaths.adapter,
    output_dir: mergePaths.output,
    ...(lora ? { lora_r: lora.rank, lora_alpha: lora.alpha, lora_dropout: lora.dropout } : {}),
    lora_target_linear: true,
    lora_mlp_kernel: false,
    lora_qkv_kernel: false,
    lora_o_kernel: false,
    lora_embedding_kernel: false,
    bf16: false,
    fp16: false,
    tf32: false,
    sequence_len: sequenceLength,
    micro_batch_size: 1,
    gradient_accumulation_steps: 1,
    learning_rate: 0,
    // Required by the schema, never read.
    datasets: [{ path: 'none.jsonl', ds_type: 'json', type: 'alpaca_chat.load_qa' }],
  };
}
