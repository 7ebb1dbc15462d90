import type { AcceptedRunSpec, TrainingPlan } from '@anneal/contracts';
import { stringify } from 'yaml';
import { optimizerKey, shardingKeys } from './sharding.js';

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
  /** `completion` trains plain text as it stands, whatever the request says about prompts. */
  readonly prompt: AcceptedRunSpec['training']['prompt'] | 'completion';
  readonly paths: AxolotlPaths;
  /** Axolotl's name of the chat template; that of the tokenizer when left out. */
  readonly template?: string;
  /** Tokens that end a turn in the model's chat template, when they are known. */
  readonly endOfTurn: readonly string[];
  /** A complete checkpoint to go on from. */
  readonly resumeFrom?: string;
}

/** What of a message reaches the chat template; the tools of a row do by their usual name. */
const messageKeys = Object.fromEntries(
  ['role', 'content', 'tool_calls', 'tool_call_id', 'name'].map((key) => [key, key]),
);

/** How many checkpoints are kept: should the newest be damaged, the one before it is there. */
const checkpointsKept = 2;

/**
 * The whole configuration of a training. Only these keys exist, and their values are numbers of the plan, words of a
 * closed set, and paths of our own: nothing that a user wrote gets to Axolotl, where several keys load code.
 */
export function axolotlConfig(input: AxolotlInput) {
  const { plan, paths, resumeFrom } = input;
  const { lora_target_modules: _targets, ...further } = plan.axolotl ?? {};
  return {
    base_model: paths.model,
    trust_remote_code: false,
    ...objectiveKeys(plan),
    ...(plan.dpo ? pairKeys(input) : dataKeys(input)),
    dataset_prepared_path: paths.prepared,
    sequence_len: plan.sequenceLength,
    // By default Axolotl drops rows that are too long and says so in one line of its log.
    excess_length_strategy: 'raise',
    ...packingKeys(plan),
    ...evaluationKeys(plan),
    output_dir: paths.output,
    ...methodKeys(plan),
    ...deviceKeys(plan),
    ...shardingKeys(plan),
    micro_batch_size: plan.microBatch,
    gradient_accumulation_steps: plan.gradientAccumulation,
    num_epochs: plan.epochs,
    // Only Axolotl knows how many sequences the rows were packed into.
    ...(plan.stepsEstimated === true ? {} : { max_steps: plan.steps }),
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
    ...further,
  };
}

/** The configuration as Axolotl reads it. */
export function renderYaml(config: object): string {
  return stringify(config, { lineWidth: 0, aliasDuplicateObjects: false });
}

function fileKeys({ data }: AxolotlPaths) {
  return { path: data, ds_type: data.endsWith('.parquet') ? 'parquet' : 'json' };
}

function dataKeys({ prompt, paths, endOfTurn, template }: AxolotlInput) {
  const file = fileKeys(paths);
  if (prompt === 'completion') {
    return {
      datasets: [{ ...file, type: 'completion', field: 'text' }],
      dataset_prepared_path: paths.prepared,
    };
  }
  if (prompt === 'load-qa') {
    return {
      datasets: [{ ...file, type: 'alpaca_chat.load_qa' }],
      train_on_inputs: false,
    };
  }
  return {
    chat_template: template ?? 'tokenizer_default',
    ...(endOfTurn.length === 0 ? {} : { eot_tokens: [...endOfTurn] }),
    datasets: [
      {
        ...file,
        type: 'chat_template',
        field_messages: 'messages',
        // Named, so that a template gets them whether or not Axolotl's look at it finds that it asks for them.
        message_property_mappings: messageKeys,
        roles_to_train: ['assistant'],
        // Rows that keep an answer without learning it say so of each message.
        message_field_training: 'train',
        train_on_eos: 'turn',
      },
    ],
    train_on_inputs: false,
  };
}

function objectiveKeys({ dpo }: TrainingPlan) {
  return dpo ? { rl: 'dpo', rl_beta: dpo.beta } : {};
}

/** Pairs come with the keys that Axolotl looks for by default, and their answers end as the template ends a turn. */
function pairKeys({ prompt, paths, template }: AxolotlInput) {
  const file = fileKeys(paths);
  // As texts that are ready to be learnt from, since Axolotl knows no form of load-qa for pairs.
  if (prompt === 'load-qa') return { datasets: [{ ...file, type: 'passthrough.default' }] };
  return {
    chat_template: template ?? 'tokenizer_default',
    datasets: [{ ...file, type: 'chat_template.default', field_messages: 'messages' }],
  };
}

function packingKeys({ samplePacking = false }: TrainingPlan) {
  return { sample_packing: samplePacking, pad_to_sequence_len: samplePacking };
}

function evaluationKeys({ earlyStopping, checkpointEvery, samplePacking }: TrainingPlan) {
  if (!earlyStopping) return { val_set_size: 0 };
  return {
    val_set_size: earlyStopping.share,
    // Whoever evaluates and saves at the same steps gets the best checkpoint back at the end.
    eval_steps: checkpointEvery,
    // By default the untouched model is evaluated, too.
    eval_on_start: false,
    early_stopping_patience: earlyStopping.patience,
    ...(samplePacking ? { eval_sample_packing: false } : {}),
  };
}

function methodKeys({ method, lora, axolotl }: TrainingPlan) {
  if (!lora) return {};
  return {
    adapter: method,
    ...(method === 'qlora' ? { load_in_4bit: true } : {}),
    lora_r: lora.rank,
    lora_alpha: lora.alpha,
    lora_dropout: lora.dropout,
    ...(axolotl?.lora_target_modules
      ? { lora_target_modules: [...axolotl.lora_target_modules] }
      : { lora_target_linear: true }),
  };
}

function deviceKeys(plan: TrainingPlan) {
  const { device, lora, attention = 'sdpa', gradientCheckpointing = device === 'gpu' } = plan;
  const shared = {
    attn_implementation: attention,
    optimizer: optimizerKey(plan),
    gradient_checkpointing: gradientCheckpointing,
    ...(gradientCheckpointing ? { gradient_checkpointing_kwargs: { use_reentrant: false } } : {}),
  };
  if (device === 'gpu') return { bf16: true, ...shared };
  return {
    // "auto" becomes fp16 on a CPU.
    bf16: false,
    fp16: false,
    tf32: false,
    ...shared,
    // Triton kernels, on by default for LoRA.
    ...(lora
      ? { lora_mlp_kernel: false, lora_qkv_kernel: false, lora_o_kernel: false, lora_embedding_kernel: false }
      : {}),
  };
}
