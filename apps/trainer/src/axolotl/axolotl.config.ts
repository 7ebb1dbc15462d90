import type { AcceptedRunSpec, TrainingPlan } from '@anneal/contracts';
import { stringify } from 'yaml';

/** Where Axolotl finds and puts things: paths that this service made, relative to the run's folder. */
export interface AxolotlPaths {
  readonly model: string;
  /** Its name holds the digest of its contents: Axolotl's cache of prepared data looks at the name only. */
  readonly data: string;
  readonly prepared: string;
  readonly output: string;
}

export interface AxolotlInput {
  readonly plan: TrainingPlan;
  readonly prompt: AcceptedRunSpec['training']['prompt'];
  readonly paths: AxolotlPaths;
  /** Tokens that end a turn in the model's chat template, when they are known. */
  readonly endOfTurn: readonly string[];
  /** A complete checkpoint to go on from. */
  readonly resumeFrom?: string;
}

/** How many checkpoints are kept: should the newest be damaged, the one before it is there. */
const checkpointsKept = 2;

/**
 * The whole configuration of a training. Only these keys exist, and their values are numbers of the plan, words of a
 * closed set, and paths of our own: nothing that a user wrote gets to Axolotl, where several keys load code.
 */
export function axolotlConfig({ plan, prompt, paths, endOfTurn, resumeFrom }: AxolotlInput) {
  return {
    base_model: paths.model,
    trust_remote_code: false,
    ...dataKeys(prompt, paths, endOfTurn),
    sequence_len: plan.sequenceLength,
    // By default Axolotl drops rows that are too long and says so in one line of its log.
    excess_length_strategy: 'raise',
    sample_packing: false,
    pad_to_sequence_len: false,
    val_set_size: 0,
    output_dir: paths.output,
    ...methodKeys(plan),
    ...deviceKeys(plan),
    micro_batch_size: plan.microBatch,
    gradient_accumulation_steps: plan.gradientAccumulation,
    num_epochs: plan.epochs,
    max_steps: plan.steps,
    learning_rate: plan.learningRate,
    lr_scheduler: plan.scheduler,
    warmup_steps: plan.warmupSteps,
    seed: plan.seed,
    logging_steps: plan.steps <= 1000 ? 1 : 10,
    save_steps: plan.checkpointEvery,
    save_total_limit: checkpointsKept,
    plugins: ['anneal_engine.reporter.ReporterPlugin'],
    // A data loader in a process of its own outlives a killed trainer by minutes.
    dataloader_num_workers: 0,
    ...(resumeFrom === undefined ? {} : { resume_from_checkpoint: resumeFrom }),
  };
}

/** The configuration as Axolotl reads it. */
export function renderYaml(config: object): string {
  return stringify(config, { lineWidth: 0, aliasDuplicateObjects: false });
}

function dataKeys(prompt: AxolotlInput['prompt'], paths: AxolotlPaths, endOfTurn: readonly string[]) {
  const file = { path: paths.data, ds_type: 'json' };
  if (prompt === 'load-qa') {
    return {
      datasets: [{ ...file, type: 'alpaca_chat.load_qa' }],
      dataset_prepared_path: paths.prepared,
      train_on_inputs: false,
    };
  }
  return {
    chat_template: 'tokenizer_default',
    ...(endOfTurn.length === 0 ? {} : { eot_tokens: [...endOfTurn] }),
    datasets: [
      {
        ...file,
        type: 'chat_template',
        field_messages: 'messages',
        roles_to_train: ['assistant'],
        // Rows that keep an answer without learning it say so of each message.
        message_field_training: 'train',
        train_on_eos: 'turn',
      },
    ],
    dataset_prepared_path: paths.prepared,
    train_on_inputs: false,
  };
}

function methodKeys({ method, lora }: TrainingPlan) {
  if (!lora) return {};
  return {
    adapter: method,
    ...(method === 'qlora' ? { load_in_4bit: true } : {}),
    lora_r: lora.rank,
    lora_alpha: lora.alpha,
    lora_dropout: lora.dropout,
    lora_target_linear: true,
  };
}

function deviceKeys({ device, lora }: TrainingPlan) {
  if (device === 'gpu') {
    return {
      bf16: true,
      attn_implementation: 'sdpa',
      optimizer: 'adamw_torch_fused',
      gradient_checkpointing: true,
      gradient_checkpointing_kwargs: { use_reentrant: false },
    };
  }
  return {
    // "auto" becomes fp16 on a CPU.
    bf16: false,
    fp16: false,
    tf32: false,
    attn_implementation: 'sdpa',
    optimizer: 'adamw_torch',
    gradient_checkpointing: false,
    // Triton kernels, on by default for LoRA.
    ...(lora
      ? { lora_mlp_kernel: false, lora_qkv_kernel: false, lora_o_kernel: false, lora_embedding_kernel: false }
      : {}),
  };
}
