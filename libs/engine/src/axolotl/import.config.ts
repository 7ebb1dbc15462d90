import { Failure, furtherKeysShape, whyDangerous, type RunSpecInput } from '@anneal/contracts';
import { z } from 'zod';
import { isAxolotlKey } from '../axolotl-schema.js';
import { importPairs } from './import.pairs.js';

/** What became of one key of a foreign configuration. */
export interface ImportedKey {
  readonly key: string;
  readonly outcome: 'kept' | 'changed' | 'refused';
  /** The field of the RunSpec that has it now. */
  readonly field?: string;
  readonly reason: string;
}

export interface ImportedConfig {
  readonly spec: RunSpecInput;
  readonly keys: readonly ImportedKey[];
}

type Training = NonNullable<RunSpecInput['training']>;

/** The RunSpec in the making, and where each key went. */
interface Draft {
  readonly config: Readonly<Record<string, unknown>>;
  readonly model: { base?: string; revision?: string };
  readonly dataset: Partial<RunSpecInput['dataset']>;
  readonly training: Partial<Training>;
}

type Verdict = Omit<ImportedKey, 'key'>;
type Import = (value: unknown, draft: Draft) => Verdict;

const kept = (field: string): Verdict => ({ outcome: 'kept', field, reason: `is ${field}` });
const changed = (reason: string, field?: string): Verdict => ({
  outcome: 'changed',
  reason,
  ...(field === undefined ? {} : { field }),
});
const refused = (reason: string): Verdict => ({ outcome: 'refused', reason });

/** A number that goes where it belongs as it is. */
function number(field: keyof Training): Import {
  return (value, { training }) => {
    if (typeof value !== 'number' || !Number.isFinite(value)) return refused('is no number');
    Object.assign(training, { [field]: value });
    return kept(`training.${field}`);
  };
}

function adapter(part: 'rank' | 'alpha' | 'dropout'): Import {
  return (value, { training }) => {
    if (typeof value !== 'number') return refused('is no number');
    training.lora = { ...training.lora, [part]: value };
    return kept(`training.lora.${part}`);
  };
}

const decided =
  (what: string): Import =>
  () =>
    changed(`${what} is decided by the plan, from the model and the GPUs`);
const placed: Import = () => changed('every run has places of its own');

const optimizers: Readonly<Record<string, Training['optimizer']>> = {
  adamw_torch: 'adamw',
  adamw_torch_fused: 'adamw',
  adamw_hf: 'adamw',
  adamw_8bit: 'adamw_8bit',
  adamw_bnb_8bit: 'adamw_8bit',
  adamw_torch_8bit: 'adamw_8bit',
  paged_adamw_8bit: 'paged_adamw_8bit',
  adafactor: 'adafactor',
};
const sameOptimizers: ReadonlySet<string> = new Set(['adamw_8bit', 'paged_adamw_8bit', 'adafactor']);

/** The one table of what a key of Axolotl means here. Keys of the allow-list are taken after it. */
const imports: Readonly<Record<string, Import>> = {
  base_model: (value, { model }) => {
    if (typeof value !== 'string') return refused('is no text');
    model.base = referenceOf(value);
    return kept('model.base');
  },
  revision_of_model: revision,
  model_revision: revision,
  datasets: importDatasets,
  adapter: importMethod,
  load_in_4bit: (value, { training }) =>
    value === true && training.method !== 'qlora'
      ? refused('only QLoRA loads four-bit weights here')
      : kept('training.method'),
  load_in_8bit: (value) =>
    value === true ? changed('weights are bfloat16, or four bits with QLoRA') : kept('training.method'),
  lora_r: adapter('rank'),
  lora_alpha: adapter('alpha'),
  lora_dropout: adapter('dropout'),
  lora_target_linear: (value, { config }) =>
    value === true || config['lora_target_modules'] !== undefined
      ? kept('training.lora')
      : changed('adapters go beside all linear layers unless training.axolotl.lora_target_modules names some'),
  rl: (value, { training }) => {
    if (value !== 'dpo') return refused('of the ways to learn from preferences, dpo is known here');
    training.objective = 'dpo';
    return kept('training.objective');
  },
  rl_beta: beta,
  dpo_beta: beta,
  sequence_len: number('sequenceLength'),
  sample_packing: (value, { config, training }) => {
    if (config['rl'] === 'dpo') return changed('preference pairs are not packed');
    training.samplePacking = value === true;
    return kept('training.samplePacking');
  },
  eval_sample_packing: () => changed('what is evaluated is not packed'),
  pad_to_sequence_len: decided('padding'),
  micro_batch_size: number('microBatch'),
  gradient_accumulation_steps: number('gradientAccumulation'),
  num_epochs: number('epochs'),
  max_steps: number('maxSteps'),
  learning_rate: (value, draft) => number('learningRate')(Number(value), draft),
  lr_scheduler: (value, { training }) => {
    if (value === 'cosine' || value === 'linear' || value === 'constant') {
      training.scheduler = value;
      return kept('training.scheduler');
    }
    training.scheduler = value === 'constant_with_warmup' ? 'constant' : 'cosine';
    const name = typeof value === 'string' ? value : 'it';
    return changed(`${name} is ${training.scheduler} here`, 'training.scheduler');
  },
  warmup_steps: number('warmupSteps'),
  warmup_ratio: (value, { config, training }) => {
    const steps = config['max_steps'];
    if (typeof value !== 'number' || typeof steps !== 'number')
      return changed('the warm-up is counted in steps: 3 % of them, at most 100, unless training.warmupSteps says');
    training.warmupSteps = Math.round(value * steps);
    return changed(`${value} of ${steps} steps`, 'training.warmupSteps');
  },
  optimizer: (value, { training }) => {
    const name = String(value);
    const known = Object.hasOwn(optimizers, name) ? optimizers[name] : undefined;
    if (known === undefined) return changed(`${name} is adamw here`, 'training.optimizer');
    training.optimizer = known;
    return known === 'adamw' || sameOptimizers.has(name)
      ? kept('training.optimizer')
      : changed(`${name} is ${known} here`, 'training.optimizer');
  },
  gradient_checkpointing: (value, { training }) => {
    training.gradientCheckpointing = value !== false;
    return typeof value === 'boolean'
      ? kept('training.gradientCheckpointing')
      : changed('is on or off here', 'training.gradientCheckpointing');
  },
  gradient_checkpointing_kwargs: decided('how checkpointing works'),
  seed: number('seed'),
  save_steps: (value, draft) =>
    Number.isInteger(value)
      ? number('checkpointEvery')(value, draft)
      : changed('checkpoints are counted in steps: five in a training, or each 100'),
  saves_per_epoch: () => changed('checkpoints are counted in steps: five in a training, or each 100'),
  save_total_limit: () => changed('the two newest checkpoints are kept'),
  save_strategy: () => changed('checkpoints are counted in steps'),
  val_set_size: (value, { config, training }) => {
    if (value === 0) return kept('training.earlyStopping');
    if (config['early_stopping_patience'] === undefined)
      return changed('the model is measured before and after by benchmarks instead of by its loss');
    if (typeof value !== 'number' || value > 0.5) return changed('a share of at most a half is evaluated on');
    training.earlyStopping = { ...training.earlyStopping, share: value };
    return kept('training.earlyStopping.share');
  },
  early_stopping_patience: (value, { training }) => {
    if (typeof value !== 'number') return refused('is no number');
    training.earlyStopping = { ...training.earlyStopping, patience: value };
    return kept('training.earlyStopping.patience');
  },
  eval_steps: () => changed('early stopping evaluates at every checkpoint'),
  evals_per_epoch: () => changed('early stopping evaluates at every checkpoint'),
  deepspeed: (value, { training }) => {
    const stage = /zero[-_]?([123])/.exec(JSON.stringify(value) ?? '')?.[1] ?? stageOf(value);
    training.strategy = stage === '1' ? 'zero1' : stage === '3' ? 'zero3' : 'zero2';
    return changed(
      `its configuration is rendered here, with stage ${stage ?? '2'} and without offloading`,
      'training.strategy',
    );
  },
  fsdp: fullySharded,
  fsdp_config: fullySharded,
  fsdp_version: fullySharded,
  chat_template: (value) =>
    value === 'tokenizer_default' ? kept('training.prompt') : changed('the template of the model is used'),
  eot_tokens: () => changed('the tokens that end a turn are found in the tokenizer'),
  special_tokens: () => changed('the tokens of the tokenizer are used'),
  bf16: decided('the precision'),
  fp16: decided('the precision'),
  tf32: decided('the precision'),
  flash_attention: decided('the kind of attention'),
  sdp_attention: decided('the kind of attention'),
  xformers_attention: decided('the kind of attention'),
  lora_mlp_kernel: decided('the use of kernels'),
  lora_qkv_kernel: decided('the use of kernels'),
  lora_o_kernel: decided('the use of kernels'),
  output_dir: placed,
  dataset_prepared_path: placed,
  trust_remote_code: (value) =>
    value === false ? kept('(always)') : refused(whyDangerous('trust_remote_code') ?? 'it runs code'),
  strict: () => changed('every key is checked here'),
  loss_watchdog_threshold: () => changed('a loss that is no number ends a training here'),
  loss_watchdog_patience: () => changed('a loss that is no number ends a training here'),
  use_tensorboard: () => changed('every training leaves a file for TensorBoard in its log'),
  dataloader_num_workers: () => changed('rows are loaded in the training process itself'),
  group_by_length: () => changed('rows are shuffled by the seed'),
};

/**
 * Turns an Axolotl configuration into a RunSpec, and tells of every key what became of it.
 *
 * @throws Failure SPEC_INVALID when it is no mapping or names no model and no data
 */
export function importAxolotlConfig(value: unknown): ImportedConfig {
  const parsed = z.record(z.string(), z.unknown()).safeParse(value);
  if (!parsed.success) throw incomplete('it is no mapping of keys');
  const config = parsed.data;
  const draft: Draft = { config, model: {}, dataset: {}, training: { method: methodOf(config) } };
  const keys = Object.entries(config).map(([key, entry]) => ({ key, ...importKey(key, entry, draft) }));
  const { base } = draft.model;
  const { source } = draft.dataset;
  if (base === undefined) throw incomplete('it names no base_model');
  if (source === undefined) throw incomplete('it names no dataset that could be used');
  const { method, ...training } = draft.training;
  return {
    spec: {
      model: { ...draft.model, base },
      dataset: { ...draft.dataset, source },
      training: { method: method ?? 'full', ...training },
    },
    keys,
  };
}

function importKey(key: string, value: unknown, draft: Draft): Verdict {
  if (value === null) return changed('it is empty, and the default is taken');
  const own = Object.hasOwn(imports, key) ? imports[key] : undefined;
  if (own) return own(value, draft);
  if (Object.hasOwn(furtherKeysShape, key)) return furtherKey(key as keyof typeof furtherKeysShape, value, draft);
  const danger = whyDangerous(key);
  if (danger !== undefined) return refused(danger);
  return refused(
    isAxolotlKey(key)
      ? 'it is not on the list of keys that a RunSpec may set'
      : 'Axolotl itself does not know this key and would ignore it',
  );
}

function furtherKey(key: keyof typeof furtherKeysShape, value: unknown, { config, training }: Draft): Verdict {
  if (config['rl'] === 'dpo' && (key === 'chunked_cross_entropy' || key === 'train_on_inputs'))
    return changed('it has no meaning for preference pairs');
  const parsed = furtherKeysShape[key].safeParse(value);
  if (!parsed.success) return refused(parsed.error.issues[0]?.message ?? 'its value is out of range');
  training.axolotl = { ...training.axolotl, [key]: parsed.data };
  return kept(`training.axolotl.${key}`);
}

function methodOf(config: Readonly<Record<string, unknown>>): Training['method'] {
  const { adapter: kind } = config;
  if (kind === 'qlora' || (kind === 'lora' && config['load_in_4bit'] === true)) return 'qlora';
  return kind === undefined || kind === null ? 'full' : 'lora';
}

function importMethod(value: unknown, { training }: Draft): Verdict {
  if (value === training.method) return kept('training.method');
  const known = value === 'lora';
  return known
    ? changed('LoRA beside four-bit weights is qlora', 'training.method')
    : refused('of adapters, lora and qlora are known; lora is taken');
}

function beta(value: unknown, { config, training }: Draft): Verdict {
  if (typeof value !== 'number') return refused('is no number');
  if (config['rl'] !== 'dpo') return changed('it is for rl: dpo only');
  training.dpo = { beta: value };
  return kept('training.dpo.beta');
}

function revision(value: unknown, { model }: Draft): Verdict {
  if (typeof value !== 'string') return refused('is no text');
  model.revision = value;
  return kept('model.revision');
}

function fullySharded(_value: unknown, { training }: Draft): Verdict {
  training.strategy = 'fsdp';
  return changed('its configuration is rendered here for the second version of FSDP', 'training.strategy');
}

function stageOf(value: unknown): string | undefined {
  const parsed = z.object({ zero_optimization: z.object({ stage: z.number() }) }).safeParse(value);
  return parsed.success ? String(parsed.data.zero_optimization.stage) : undefined;
}

const datasetEntry = z.looseObject({
  path: z.string(),
  type: z.union([z.string(), z.record(z.string(), z.unknown())]).nullish(),
  name: z.string().nullish(),
  split: z.string().nullish(),
  field_messages: z.string().nullish(),
  field_chosen: z.string().nullish(),
  field_rejected: z.string().nullish(),
});

function importDatasets(value: unknown, { config, dataset, training }: Draft): Verdict {
  const parsed = z.array(datasetEntry).min(1).safeParse(value);
  const [first, ...more] = parsed.success ? parsed.data : [];
  if (!first) return refused('it is no list of datasets with a path');
  if (/^(https?|s3|gs|gcs|az|oci):/i.test(first.path))
    return refused('data comes from the Hub, from a file or from the store, not from an address');
  dataset.source = referenceOf(first.path);
  if (first.name) dataset.config = first.name;
  if (first.split) dataset.split = first.split;
  const type = typeof first.type === 'string' ? first.type : undefined;
  const isDpo = config['rl'] === 'dpo';
  const pairs = isDpo ? importPairs(type, first) : undefined;
  if (pairs?.columns) dataset.columns = pairs.columns;
  const said = pairs ? pairs.said : datasetType(type, first.field_messages ?? undefined, dataset, training);
  const known = new Set(['path', 'type', 'name', 'split', 'field_messages', 'ds_type', 'data_files']);
  if (isDpo) for (const field of ['field_chosen', 'field_rejected']) known.add(field);
  const others = Object.keys(first).filter((key) => !known.has(key));
  const left = [
    ...(said === undefined ? [] : [said]),
    ...(more.length > 0 ? [`only the first of ${more.length + 1} datasets is taken`] : []),
    ...(others.length > 0 ? [`${others.join(', ')} of it: columns are told by dataset.columns`] : []),
  ];
  return left.length === 0 ? kept('dataset.source') : changed(left.join('; '), 'dataset.source');
}

/** @returns what is different here, if anything */
function datasetType(
  type: string | undefined,
  messages: string | undefined,
  dataset: Draft['dataset'],
  training: Draft['training'],
): string | undefined {
  if (type === 'chat_template') {
    if (messages !== undefined && messages !== 'messages') dataset.columns = { messages };
    return undefined;
  }
  if (type === 'alpaca_chat.load_qa') {
    training.prompt = 'load-qa';
    return undefined;
  }
  if (type === 'alpaca') {
    dataset.columns = { question: 'instruction', answer: 'output' };
    return 'rows of the alpaca form are asked through the chat template, without their input column';
  }
  return `rows of type ${type ?? '(its own)'} are read as chats or questions with answers, by dataset.columns`;
}

/** A path becomes a file: reference; owner/name is one of the Hub. */
function referenceOf(path: string): string {
  const isPath = /^(\.{0,2}\/|~)/.test(path) || path.split('/').length !== 2 || /\.(jsonl?|parquet)$/.test(path);
  return isPath ? `file:${path}` : path;
}

function incomplete(why: string): Failure {
  return new Failure('SPEC_INVALID', `The Axolotl configuration cannot become a run: ${why}.`, {
    remedy: 'Name a configuration with base_model and datasets.',
  });
}
