import type { TrainingPlan } from '@anneal/contracts';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { axolotlConfig, renderYaml, type AxolotlInput } from './axolotl.config.js';

const plan: TrainingPlan = {
  method: 'lora',
  strategy: 'single',
  device: 'cpu',
  processes: 1,
  steps: 37,
  epochs: 1.5,
  microBatch: 3,
  gradientAccumulation: 5,
  effectiveBatch: 15,
  sequenceLength: 384,
  learningRate: 0.00021,
  scheduler: 'linear',
  warmupSteps: 6,
  checkpointEvery: 9,
  precision: 'float32',
  lora: { rank: 12, alpha: 24, dropout: 0.1 },
  seed: 77,
  attention: 'eager',
  gradientCheckpointing: true,
  samplePacking: true,
};
const paths = { model: 'model', data: 'data/train-0123456789ab.jsonl', prepared: 'prepared', output: 'output' };

function rendered(change: Partial<TrainingPlan> = {}, rest: Partial<AxolotlInput> = {}): Record<string, unknown> {
  const config = axolotlConfig({ plan: { ...plan, ...change }, prompt: 'chat', paths, endOfTurn: [], ...rest });
  return parse(renderYaml(config)) as Record<string, unknown>;
}

/** Where each value of a plan stands in the configuration; the launcher gets the ones that say "launcher". */
const keyOf: Partial<Record<keyof TrainingPlan, string>> = {
  method: 'adapter',
  strategy: 'launcher',
  device: 'launcher',
  processes: 'launcher',
  steps: 'max_steps',
  epochs: 'num_epochs',
  microBatch: 'micro_batch_size',
  gradientAccumulation: 'gradient_accumulation_steps',
  effectiveBatch: 'product',
  sequenceLength: 'sequence_len',
  learningRate: 'learning_rate',
  scheduler: 'lr_scheduler',
  warmupSteps: 'warmup_steps',
  checkpointEvery: 'save_steps',
  precision: 'bf16',
  lora: 'lora',
  seed: 'seed',
  tooLargeMicroBatch: 'history',
  attention: 'attn_implementation',
  gradientCheckpointing: 'gradient_checkpointing',
  samplePacking: 'sample_packing',
};

describe('axolotlConfig', () => {
  it('hands every value of the plan to Axolotl as it is', () => {
    const yaml = rendered();
    for (const [field, key] of Object.entries(keyOf)) {
      if (['launcher', 'product', 'lora', 'bf16'].includes(key)) continue;
      expect(yaml[key], field).toBe(plan[field as keyof TrainingPlan]);
    }
    expect(plan.microBatch * plan.gradientAccumulation * plan.processes).toBe(plan.effectiveBatch);
    expect(yaml).toMatchObject({ lora_r: 12, lora_alpha: 24, lora_dropout: 0.1, bf16: false, fp16: false });
  });

  it('computes in bfloat16 on a GPU', () => {
    const yaml = rendered({ device: 'gpu', precision: 'bfloat16' });
    expect(yaml).toMatchObject({ bf16: true });
    expect(yaml).not.toHaveProperty('lora_mlp_kernel');
  });

  it('loads the base in four bits for QLoRA only', () => {
    expect(rendered({ method: 'qlora', device: 'gpu' })).toMatchObject({ adapter: 'qlora', load_in_4bit: true });
    expect(rendered()).not.toHaveProperty('load_in_4bit');
  });

  it('has no adapter keys for a full fine-tune', () => {
    const yaml = rendered({ method: 'full', lora: undefined });
    expect(Object.keys(yaml).filter((key) => /^(adapter|lora_|load_in)/.test(key))).toEqual([]);
  });

  it('refuses long rows instead of dropping them, and starts no data loader process', () => {
    expect(rendered()).toMatchObject({ excess_length_strategy: 'raise', dataloader_num_workers: 0, val_set_size: 0 });
  });

  it('trains on the answers of a chat, through the template of the model', () => {
    expect(rendered({}, { endOfTurn: ['<|im_end|>'] })).toMatchObject({
      chat_template: 'tokenizer_default',
      eot_tokens: ['<|im_end|>'],
      datasets: [
        { path: paths.data, type: 'chat_template', field_messages: 'messages', roles_to_train: ['assistant'] },
      ],
    });
  });

  it('learns from preference pairs in the form that they are prepared in', () => {
    const pairs = { dpo: { beta: 0.25 }, samplePacking: false };
    const yaml = rendered(pairs, { endOfTurn: ['<|im_end|>'] });
    expect(yaml).toMatchObject({
      ...{ rl: 'dpo', rl_beta: 0.25, sample_packing: false, chat_template: 'tokenizer_default' },
      datasets: [{ path: paths.data, ds_type: 'json', type: 'chat_template.default', field_messages: 'messages' }],
    });
    expect(Object.keys(yaml).filter((key) => ['eot_tokens', 'train_on_inputs'].includes(key))).toEqual([]);
    expect(rendered(pairs, { prompt: 'load-qa' })).toMatchObject({ datasets: [{ type: 'passthrough.default' }] });
    const stored = { ...paths, data: 'data/messages-01.parquet' };
    expect(rendered(pairs, { paths: stored })).toMatchObject({ datasets: [{ path: stored.data, ds_type: 'parquet' }] });
  });

  it('hands calls of tools to the template, by their usual names', () => {
    expect(rendered()).toMatchObject({
      datasets: [
        {
          message_property_mappings: {
            ...{ role: 'role', content: 'content', tool_calls: 'tool_calls' },
            ...{ tool_call_id: 'tool_call_id', name: 'name' },
          },
        },
      ],
    });
  });

  it('trains plain text as it stands, from the file as it is stored', () => {
    const yaml = rendered({}, { prompt: 'completion', paths: { ...paths, data: 'data/text-01.parquet' } });
    expect(yaml).toMatchObject({
      datasets: [{ path: 'data/text-01.parquet', ds_type: 'parquet', type: 'completion', field: 'text' }],
    });
    for (const key of ['chat_template', 'eot_tokens', 'train_on_inputs']) expect(yaml).not.toHaveProperty(key);
  });

  it('uses the question and answer form when asked to', () => {
    const yaml = rendered({}, { prompt: 'load-qa' });
    expect(yaml).toMatchObject({ datasets: [{ path: paths.data, type: 'alpaca_chat.load_qa' }] });
    expect(yaml).not.toHaveProperty('chat_template');
  });

  it('names a checkpoint only when there is one to go on from', () => {
    expect(rendered()).not.toHaveProperty('resume_from_checkpoint');
    expect(rendered({}, { resumeFrom: 'output/checkpoint-9' })).toMatchObject({
      resume_from_checkpoint: 'output/checkpoint-9',
    });
  });

  it('shares the model by the layers that the plan names', () => {
    expect(rendered({ device: 'gpu', strategy: 'fsdp', wrapClass: 'Qwen3DecoderLayer' })).toMatchObject({
      fsdp_version: 2,
      fsdp_config: { transformer_layer_cls_to_wrap: 'Qwen3DecoderLayer', state_dict_type: 'FULL_STATE_DICT' },
    });
  });

  it.each([1, 2, 3])('has the configuration of DeepSpeed for stage %i in itself', (zeroStage) => {
    const yaml = rendered({ device: 'gpu', strategy: 'deepspeed', zeroStage });
    expect(yaml).toMatchObject({ deepspeed: { zero_optimization: { stage: zeroStage }, bf16: { enabled: true } } });
    expect(yaml).not.toHaveProperty('fsdp_config');
  });

  it('takes the 8-bit optimizer that works on the shards of FSDP', () => {
    const change = { device: 'gpu', optimizer: 'adamw_8bit' } as const;
    expect(rendered(change)).toMatchObject({ optimizer: 'adamw_8bit' });
    expect(rendered({ ...change, strategy: 'fsdp' })).toMatchObject({ optimizer: 'adamw_torch_8bit' });
  });

  it('evaluates at every checkpoint to stop early', () => {
    expect(rendered({ earlyStopping: { patience: 2, share: 0.1 } })).toMatchObject({
      val_set_size: 0.1,
      eval_steps: 9,
      save_steps: 9,
      early_stopping_patience: 2,
    });
  });

  it('adds further keys, and target modules in the place of all linear layers', () => {
    const yaml = rendered({ axolotl: { weight_decay: 0.1, lora_target_modules: ['q_proj', 'v_proj'] } });
    expect(yaml).toMatchObject({ weight_decay: 0.1, lora_target_modules: ['q_proj', 'v_proj'] });
    expect(yaml).not.toHaveProperty('lora_target_linear');
  });

  it('lets the epochs count where packing decides how many steps they take', () => {
    expect(rendered({ stepsEstimated: true })).not.toHaveProperty('max_steps');
  });

  it('uses the template that it is told', () => {
    expect(rendered({}, { template: 'gemma', endOfTurn: ['<end_of_turn>'] })).toMatchObject({ chat_template: 'gemma' });
  });
});
