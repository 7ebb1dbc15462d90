import {
  parseRunSpec,
  type FurtherKeys,
  type RunSpecInput,
  type TrainingObjective,
  type TrainingPlan,
} from '@anneal/contracts';
import { axolotlConfig } from '@anneal/engine';
import { combination, layoutOf, methods, strategies } from '../combinations.js';
import { parseHosts } from '../hosts.js';
import { configs } from '../model/configs.fixture.js';
import { readModelConfig } from '../model/model.config.js';
import { modelShape } from '../model/model.shape.js';
import { resolvePlan } from './resolve.plan.js';

const models = [
  'gemma-2-2b',
  'gemma-3-1b',
  'Llama-3.2-1B',
  'Qwen2.5-0.5B',
  'Qwen3-0.6B',
  'Mistral-7B-v0.1',
  'Phi-3-mini',
  'phi-2',
  'SmolLM2-135M',
  'SmolLM3-3B',
] as const;

export interface Rendered {
  readonly name: string;
  readonly gpus: number;
  readonly plan: TrainingPlan;
  readonly config: object;
}

type Asked = Partial<RunSpecInput['training']>;

/** Every further key at a value of its own; those for a GPU only are left to trainings on one. */
const further: Required<FurtherKeys> = {
  weight_decay: 0.1,
  max_grad_norm: 1,
  adam_beta1: 0.9,
  adam_beta2: 0.95,
  adam_epsilon: 1e-8,
  cosine_min_lr_ratio: 0.1,
  neftune_noise_alpha: 5,
  loraplus_lr_ratio: 4,
  lora_target_modules: ['q_proj', 'v_proj'],
  peft_use_dora: true,
  peft_use_rslora: true,
  chunked_cross_entropy: true,
  train_on_inputs: true,
  attn_implementation: 'sdpa',
  excess_length_strategy: 'truncate',
  logging_steps: 5,
};

const trainings = [0, 1, 3].flatMap((gpus) =>
  methods.flatMap((method) =>
    (['sft', 'dpo'] as const satisfies TrainingObjective[]).flatMap((objective) =>
      strategies
        .filter((strategy) => combination(method, strategy, layoutOf(gpus), objective).exists)
        .map((strategy) => ({ gpus, method, strategy, objective })),
    ),
  ),
);
type Training = (typeof trainings)[number];

/** The configuration of every training that there is, with every family, and of every option. */
export function everyTraining(): Rendered[] {
  return [
    ...trainings.flatMap((training) => models.map((model) => render(model, training))),
    ...trainings.flatMap((training) => optionsFor(training).map((asked) => render('Llama-3.2-1B', training, asked))),
  ];
}

/**
 * Every combination, every family and every option at least once: Axolotl takes a tenth of a second for each. All of
 * them were valid when they were last tried.
 */
export function sampleOfTrainings(): Rendered[] {
  return trainings.flatMap((training, at) => [
    ...models
      .filter((_, index) => index === at % models.length || isWhole(training))
      .map((model) => render(model, training)),
    ...optionsFor(training)
      .filter((_, index) => index % trainings.length === at)
      .map((asked) => render('Llama-3.2-1B', training, asked)),
  ]);
}

/** Tried with every family. */
function isWhole({ method, strategy, objective }: Training): boolean {
  return method === 'lora' && strategy === 'fsdp' && objective === 'sft';
}

/** What has a meaning with rows of one answer only. */
const forAnswers = new Set(['chunked_cross_entropy', 'train_on_inputs']);

function optionsFor({ gpus, method, strategy, objective }: Training): Asked[] {
  const isDpo = objective === 'dpo';
  const optimizers = gpus === 0 ? (['adafactor'] as const) : (['adamw_8bit', 'paged_adamw_8bit', 'adafactor'] as const);
  const keys = Object.entries(further).filter(
    ([key]) =>
      !(isDpo && forAnswers.has(key)) &&
      !(method === 'full' && /^(lora|peft)/.test(key)) &&
      !(method === 'qlora' && strategy === 'fsdp' && key === 'peft_use_dora'),
  );
  return [
    ...optimizers.map((optimizer) => ({ optimizer })),
    ...(isDpo ? [{ dpo: { beta: 0.5 } }] : [{ samplePacking: true }, { earlyStopping: {}, samplePacking: true }]),
    { earlyStopping: { patience: 2, share: 0.1 } },
    { gradientCheckpointing: gpus === 0 },
    { prompt: 'load-qa' },
    { scheduler: 'constant', warmupSteps: 5 },
    ...keys.map(([key, value]) => ({ axolotl: { [key]: value } })),
  ];
}

function render(
  model: (typeof models)[number],
  { gpus, method, strategy, objective }: Training,
  asked: Asked = {},
): Rendered {
  const parsed = parseRunSpec({
    model: { base: `acme/${model}` },
    dataset: { source: 'acme/rows' },
    training: { method, strategy, objective, ...asked },
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const { training } = parsed.spec;
  const shape = modelShape(readModelConfig(configs[model], model));
  const { plan } = resolvePlan({
    training,
    rows: 5000,
    characters: { total: 2_500_000, longest: 1500 },
    maxPositions: 8192,
    hosts: parseHosts(gpus === 0 ? 'cpu' : `${gpus}x48GB`, 64e9),
    model: shape,
  });
  const paths = { model: 'model', data: 'data/rows.jsonl', prepared: 'prepared', output: 'output' };
  const template = shape.family?.template;
  const config = axolotlConfig({
    plan,
    prompt: training.prompt,
    paths,
    endOfTurn: shape.family?.endOfTurn ?? [],
    ...(template === undefined ? {} : { template }),
  });
  const name = `${model} ${objective} ${method} ${strategy} on ${gpus} ${JSON.stringify(asked)}`;
  return { name, gpus, plan, config };
}
