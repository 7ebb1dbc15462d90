import { z } from 'zod';

const share = z.number().min(0).max(1);
const projection = z.enum([
  'q_proj',
  'k_proj',
  'v_proj',
  'o_proj',
  'gate_proj',
  'up_proj',
  'down_proj',
  'qkv_proj',
  'gate_up_proj',
  'dense',
  'fc1',
  'fc2',
]);

/**
 * The keys of Axolotl that a RunSpec may add to the configuration as they are, each with its range. A key is here when
 * it changes how a model learns and nothing else: it loads no code, names no place, and reaches nobody.
 */
export const furtherKeysShape = {
  weight_decay: share.optional(),
  max_grad_norm: z.number().positive().max(100).optional(),
  adam_beta1: z.number().min(0).max(0.9999).optional(),
  adam_beta2: z.number().min(0).max(0.99999).optional(),
  adam_epsilon: z.number().positive().max(0.01).optional(),
  cosine_min_lr_ratio: share.optional(),
  neftune_noise_alpha: z.number().min(0).max(100).optional(),
  loraplus_lr_ratio: z.number().min(1).max(100).optional(),
  lora_target_modules: z.array(projection).min(1).max(12).optional(),
  peft_use_dora: z.boolean().optional(),
  peft_use_rslora: z.boolean().optional(),
  chunked_cross_entropy: z.boolean().optional().describe('Spares most of the memory that logits take.'),
  train_on_inputs: z.boolean().optional().describe('Learns from the questions, too.'),
  attn_implementation: z.enum(['eager', 'sdpa', 'flex_attention', 'flash_attention_2']).optional(),
  excess_length_strategy: z.enum(['raise', 'drop', 'truncate']).optional(),
  logging_steps: z.int().min(1).max(1000).optional(),
};
export type FurtherKeys = z.infer<z.ZodObject<typeof furtherKeysShape>>;

const runsCode = 'it makes Axolotl load and run code that comes with a model or from elsewhere';
const reachesOut = 'it makes Axolotl send or fetch something over the network; publishing is what "publish" is for';
const namesPlace = 'it names a place on the machine, and the trainer gives every run places of its own';

/** Keys that are refused for what they would do, with the reason. */
const dangerousKeys: Readonly<Record<string, string>> = {
  plugins: runsCode,
  trust_remote_code: runsCode,
  custom_trainer_cls: runsCode,
  trainer_cls: runsCode,
  tokenizer_type: runsCode,
  type_of_model: runsCode,
  model_type: runsCode,
  dynamic_checkpoint: namesPlace,
  chat_template_jinja: 'a template is a program; the one of the model is used',
  hub_model_id: reachesOut,
  hub_strategy: reachesOut,
  hub_revision: reachesOut,
  push_dataset_to_hub: reachesOut,
  hf_use_auth_token: reachesOut,
  use_wandb: reachesOut,
  use_mlflow: reachesOut,
  use_comet: reachesOut,
  use_swanlab: reachesOut,
  use_trackio: reachesOut,
  use_otel_metrics: reachesOut,
  use_ray: reachesOut,
  lm_eval_model: reachesOut,
  base_model: 'the model is named by model.base',
  datasets: 'the data is named by dataset.source',
  test_datasets: 'the data is named by dataset.source and dataset.heldOutFrom',
  output_dir: namesPlace,
  dataset_prepared_path: namesPlace,
  lora_model_dir: namesPlace,
  logging_dir: namesPlace,
  resume_from_checkpoint: namesPlace,
  auto_resume_from_checkpoints: namesPlace,
  base_model_config: namesPlace,
  tokenizer_config: namesPlace,
  processor_config: namesPlace,
  deepspeed: 'the way to share the work is chosen by training.strategy',
  fsdp: 'the way to share the work is chosen by training.strategy',
  fsdp_config: 'the way to share the work is chosen by training.strategy',
};

const dangerousEndings: readonly { ending: RegExp; reason: string }[] = [
  { ending: /^(wandb|mlflow|comet|swanlab|trackio|gradio|vllm|ray|hub)_/, reason: reachesOut },
  { ending: /_(url|uri|endpoint|host|port|token|api_key)$/, reason: reachesOut },
  { ending: /_(path|dir|file|folder)$/, reason: namesPlace },
  { ending: /_(cls|class|fn|module_path)$/, reason: runsCode },
];

/** Why a key of Axolotl's is kept out of every configuration; undefined when nothing speaks against it but the list. */
export function whyDangerous(key: string): string | undefined {
  if (Object.hasOwn(dangerousKeys, key)) return dangerousKeys[key];
  return dangerousEndings.find(({ ending }) => ending.test(key))?.reason;
}
