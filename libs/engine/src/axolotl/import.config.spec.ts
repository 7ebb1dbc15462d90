import { furtherKeysShape, parseRunSpec } from '@anneal/contracts';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { isAxolotlKey } from '../axolotl-schema.js';
import { importAxolotlConfig, type ImportedConfig } from './import.config.js';

// What Axolotl's own examples/llama-3/lora-1b.yml says.
const llamaLora = parse(`
base_model: NousResearch/Llama-3.2-1B
datasets:
  - path: teknium/GPT4-LLM-Cleaned
    type: alpaca
val_set_size: 0.1
output_dir: ./outputs/lora-out
adapter: lora
lora_model_dir:
sequence_len: 2048
sample_packing: true
eval_sample_packing: true
lora_r: 16
lora_alpha: 32
lora_dropout: 0.05
lora_target_modules: [gate_proj, down_proj, up_proj, q_proj, v_proj, k_proj, o_proj]
wandb_project:
gradient_accumulation_steps: 2
micro_batch_size: 2
num_epochs: 1
optimizer: adamw_8bit
lr_scheduler: cosine
learning_rate: 0.0002
bf16: auto
tf32: false
gradient_checkpointing: true
resume_from_checkpoint:
logging_steps: 1
flash_attention: true
loss_watchdog_threshold: 5.0
loss_watchdog_patience: 3
warmup_ratio: 0.1
evals_per_epoch: 4
saves_per_epoch: 1
weight_decay: 0.0
special_tokens: { pad_token: '<|end_of_text|>' }
`) as Record<string, unknown>;

const smallest = { base_model: 'acme/base', datasets: [{ path: 'rows.jsonl', type: 'chat_template' }] };
const outcomes = ({ keys }: ImportedConfig): Record<string, string> =>
  Object.fromEntries(keys.map(({ key, outcome }) => [key, outcome]));

describe('importing an Axolotl configuration', () => {
  it('makes a valid RunSpec of an example of Axolotl, and says of every key what became of it', () => {
    const imported = importAxolotlConfig(llamaLora);
    expect(parseRunSpec(imported.spec)).toMatchObject({ ok: true });
    expect(imported.spec).toEqual({
      model: { base: 'NousResearch/Llama-3.2-1B' },
      dataset: {
        source: 'teknium/GPT4-LLM-Cleaned',
        columns: { question: 'instruction', answer: 'output' },
      },
      training: {
        method: 'lora',
        sequenceLength: 2048,
        samplePacking: true,
        lora: { rank: 16, alpha: 32, dropout: 0.05 },
        gradientAccumulation: 2,
        microBatch: 2,
        epochs: 1,
        optimizer: 'adamw_8bit',
        scheduler: 'cosine',
        learningRate: 0.0002,
        gradientCheckpointing: true,
        axolotl: {
          lora_target_modules: ['gate_proj', 'down_proj', 'up_proj', 'q_proj', 'v_proj', 'k_proj', 'o_proj'],
          logging_steps: 1,
          weight_decay: 0,
        },
      },
    });
    expect(imported.keys.map(({ key }) => key).sort()).toEqual(Object.keys(llamaLora).sort());
    expect(imported.keys.every(({ reason }) => reason.length > 3)).toBe(true);
    expect(outcomes(imported)).toMatchObject({ base_model: 'kept', datasets: 'changed', val_set_size: 'changed' });
  });

  it.each([
    ['plugins', ['evil.Plugin']],
    ['trust_remote_code', true],
    ['hub_model_id', 'acme/out'],
    ['wandb_project', 'mine'],
    ['chat_template_jinja', '{{ x }}'],
    ['resume_from_checkpoint', '/tmp/checkpoint'],
    ['learning_rte', 1],
    ['torch_compile', true],
    ['weight_decay', 7],
    ['constructor', 1],
    ['micro_batch_size', Number.NaN],
  ])('refuses %s and leaves it out', (key, value) => {
    const imported = importAxolotlConfig({ ...smallest, [key]: value });
    expect(outcomes(imported)[key]).toBe('refused');
    expect(JSON.stringify(imported.spec)).not.toContain(key);
  });

  it('keeps what is said of the steps for TensorBoard without being asked', () => {
    const imported = importAxolotlConfig({ ...smallest, use_tensorboard: true });
    expect(outcomes(imported)).toMatchObject({ use_tensorboard: 'changed' });
    expect(JSON.stringify(imported.spec)).not.toContain('tensorboard');
  });

  it('tells a key that Axolotl would ignore from one that is only not allowed', () => {
    const { keys } = importAxolotlConfig({ ...smallest, learning_rte: 1, torch_compile: true });
    const reason = (name: string): string => keys.find(({ key }) => key === name)?.reason ?? '';
    expect(reason('learning_rte')).toMatch(/does not know/);
    expect(reason('torch_compile')).toMatch(/not on the list/);
  });

  it.each([
    [{ adapter: 'qlora', load_in_4bit: true }, { method: 'qlora' }],
    [{ adapter: 'lora', load_in_4bit: true }, { method: 'qlora' }],
    [{}, { method: 'full' }],
    [{ deepspeed: 'deepspeed_configs/zero3_bf16.json' }, { strategy: 'zero3' }],
    [{ deepspeed: { zero_optimization: { stage: 1 } } }, { strategy: 'zero1' }],
    [{ fsdp_config: { offload_params: true } }, { strategy: 'fsdp' }],
    [
      { max_steps: 200, warmup_ratio: 0.1 },
      { maxSteps: 200, warmupSteps: 20 },
    ],
    [{ val_set_size: 0.1, early_stopping_patience: 2 }, { earlyStopping: { share: 0.1, patience: 2 } }],
    [{ lr_scheduler: 'constant_with_warmup' }, { scheduler: 'constant' }],
    [{ learning_rate: '2e-4' }, { learningRate: 0.0002 }],
  ])('reads %j', (config, training) => {
    const { spec } = importAxolotlConfig({ ...smallest, ...config });
    expect(spec.training).toMatchObject(training);
    expect(parseRunSpec(spec).ok).toBe(true);
  });

  it.each([
    ['chat_template.default', {}, 'kept', undefined],
    [
      'chat_template.default',
      { field_messages: 'asked', field_chosen: 'good' },
      'kept',
      { prompt: 'asked', chosen: 'good' },
    ],
    ['chat_template.argilla_chat', {}, 'kept', undefined],
    ['chatml.intel', {}, 'changed', { prompt: 'question', system: 'system' }],
    ['llama3.ultra', {}, 'changed', undefined],
    ['own.form', {}, 'changed', undefined],
  ])('reads preference pairs of the type %s with %j', (type, fields, outcome, columns) => {
    const imported = importAxolotlConfig({
      ...{ base_model: 'acme/base', rl: 'dpo', rl_beta: 0.2, adapter: 'lora', sample_packing: true },
      ...{ train_on_inputs: true, datasets: [{ path: 'acme/pairs', type, ...fields }] },
    });
    const { training, dataset } = imported.spec;
    expect(training).toEqual({ method: 'lora', objective: 'dpo', dpo: { beta: 0.2 } });
    expect(dataset.columns).toEqual(columns);
    expect(outcomes(imported)).toMatchObject({ rl: 'kept', rl_beta: 'kept', datasets: outcome });
    expect(outcomes(imported)).toMatchObject({ sample_packing: 'changed', train_on_inputs: 'changed' });
    expect(parseRunSpec(imported.spec).ok).toBe(true);
  });

  it.each([{ rl: 'orpo' }, { rl_beta: 'much', rl: 'dpo' }])('does not take %j', (config) => {
    const [key = ''] = Object.keys(config);
    expect(outcomes(importAxolotlConfig({ ...smallest, ...config }))[key]).toBe('refused');
  });

  it('takes data from the Hub and from files, never from an address', () => {
    const source = (path: string): unknown =>
      importAxolotlConfig({ ...smallest, datasets: [{ path, type: 'alpaca_chat.load_qa' }] }).spec.dataset.source;
    expect(source('acme/rows')).toBe('acme/rows');
    expect(source('data/rows.jsonl')).toBe('file:data/rows.jsonl');
    expect(source('/data/rows')).toBe('file:/data/rows');
    expect(() => source('https://elsewhere/rows.jsonl')).toThrowError(/no dataset/);
    expect(() => source('s3://bucket/rows.jsonl')).toThrowError(/no dataset/);
  });

  it.each([[[]], ['text'], [null], [{ base_model: 'acme/base' }], [{ datasets: smallest.datasets }]])(
    'refuses %j, which is no training',
    (value) => {
      expect(() => importAxolotlConfig(value)).toThrowError(expect.objectContaining({ code: 'SPEC_INVALID' }) as Error);
    },
  );
});

describe('the allow-list', () => {
  it('has keys only that the installed Axolotl knows', () => {
    expect(Object.keys(furtherKeysShape).filter((key) => !isAxolotlKey(key))).toEqual([]);
  });
});
