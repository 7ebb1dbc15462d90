import { Failure } from '@anneal/contracts';
import { familyOf, type Family } from '../families/families.js';
import type { ModelConfig, TextConfig, VisionConfig } from './model.config.js';

/** A kind of weight matrix that adapters can be put beside and that four bits can hold. */
interface Linear {
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  /** In the whole model. */
  readonly count: number;
}

/** How large a model is, and of what its parameters are made. */
export interface ModelShape {
  readonly modelType: string;
  readonly architecture: string;
  /** Undefined for a kind of model that is not in the table of families. */
  readonly family: Family | undefined;
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headDim: number;
  readonly feedForward: number;
  readonly vocabulary: number;
  readonly maxPositions: number | undefined;
  readonly parameters: number;
  readonly parametersFrom: 'weights' | 'config' | 'inspection';
  /** Matrices of attention and feed-forward, without the head. */
  readonly linears: readonly Linear[];
  readonly linearParameters: number;
  /** Those of them that four bits can hold: Transformers keeps experts in one tensor, which bitsandbytes passes over. */
  readonly quantisable: number;
  readonly warnings: readonly string[];
}

const exactTypes: ReadonlySet<string> = new Set([
  'llama',
  'mistral',
  'qwen2',
  'qwen3',
  'gemma2',
  'gemma3',
  'gemma3_text',
  'phi3',
  'phi',
  'smollm3',
  'mixtral',
  'qwen3_moe',
  'deepseek_v2',
]);

/**
 * Computes the size of a model from its configuration: exact for the kinds that are known, by the form of Llama for
 * others, with a warning. The tests hold the published counts of real models against it.
 *
 * @param counted parameters as counted in the weights, which are right for any kind of model
 */
export function modelShape(config: ModelConfig, counted?: number): ModelShape {
  const { text, modelType, architecture, vision } = config;
  const exact = exactTypes.has(modelType) && !config.partlyUnknown;
  const linears = linearsOf(text, modelType);
  const linearParameters = parametersOf(linears);
  const computed =
    linearParameters + embeddingsOf(text, modelType) + smallOnes(text, modelType) + visionParameters(vision, text);
  if (!Number.isSafeInteger(computed)) throw beyondCounting();
  const family = familyOf(modelType, text.vocab_size);
  const warnings = [
    ...(family === undefined
      ? [
          `Models of the kind ${modelType} are not in the table of families; chat template, layers and memory are told from config.json and from the tokenizer.`,
        ]
      : []),
    ...(exact || counted !== undefined
      ? []
      : ['The number of parameters is a guess: it is computed as if the model had the layers of a Llama.']),
    ...(config.hasOwnCode ? ['The model comes with code of its own, which is never run.'] : []),
  ];
  return {
    modelType,
    architecture,
    family,
    layers: text.num_hidden_layers,
    hidden: text.hidden_size,
    heads: text.num_attention_heads,
    keyValueHeads: keyValueHeads(text),
    headDim: headDim(text),
    feedForward: feedForward(text),
    vocabulary: text.vocab_size,
    maxPositions: text.max_position_embeddings ?? undefined,
    parameters: counted ?? computed,
    parametersFrom: counted !== undefined ? 'weights' : exact ? 'config' : 'inspection',
    linears,
    linearParameters,
    quantisable: parametersOf(linears.filter(takesAdapter)),
    warnings,
  };
}

function parametersOf(linears: readonly Linear[]): number {
  return linears.reduce((sum, { inputs, outputs, count }) => sum + inputs * outputs * count, 0);
}

const takesAdapter = ({ name }: Linear): boolean => !name.startsWith('experts.') && name !== 'router';

function beyondCounting(): Failure {
  return new Failure('MODEL_INVALID', 'The model has more parameters than can be counted.', {
    remedy: 'Look for a number in its config.json that is too large.',
    field: 'model.base',
  });
}

const keyValueHeads = (text: TextConfig): number => text.num_key_value_heads ?? text.num_attention_heads;
const headDim = (text: TextConfig): number => text.head_dim ?? Math.floor(text.hidden_size / text.num_attention_heads);
const feedForward = (text: TextConfig): number => text.intermediate_size ?? 4 * text.hidden_size;

function embeddingsOf(text: TextConfig, modelType: string): number {
  const table = text.vocab_size * text.hidden_size;
  const head = text.tie_word_embeddings === true ? 0 : table + (modelType === 'phi' ? text.vocab_size : 0);
  return table + head;
}

function linearsOf(text: TextConfig, modelType: string): Linear[] {
  return [...attentionOf(text, modelType), ...feedForwardOf(text, modelType)].filter(({ count }) => count > 0);
}

function attentionOf(text: TextConfig, modelType: string): Linear[] {
  const { hidden_size: h, num_attention_heads: heads, num_hidden_layers: count } = text;
  if (text.kv_lora_rank) return compressedAttention(text, text.kv_lora_rank);
  const queries = heads * headDim(text);
  const keys = keyValueHeads(text) * headDim(text);
  const output = { name: 'o_proj', inputs: queries, outputs: h, count };
  if (modelType === 'phi3') return [{ name: 'qkv_proj', inputs: h, outputs: queries + 2 * keys, count }, output];
  return [
    { name: 'q_proj', inputs: h, outputs: queries, count },
    { name: 'k_proj', inputs: h, outputs: keys, count },
    { name: 'v_proj', inputs: h, outputs: keys, count },
    output,
  ];
}

/** Multi-head latent attention: arXiv 2405.04434, section 2.1. */
function compressedAttention(text: TextConfig, rank: number): Linear[] {
  const { hidden_size: h, num_attention_heads: heads, num_hidden_layers: count } = text;
  const rope = text.qk_rope_head_dim ?? 64;
  const plain = text.qk_nope_head_dim ?? 128;
  const value = text.v_head_dim ?? 128;
  const queries = heads * (plain + rope);
  const query = text.q_lora_rank
    ? [
        { name: 'q_a_proj', inputs: h, outputs: text.q_lora_rank, count },
        { name: 'q_b_proj', inputs: text.q_lora_rank, outputs: queries, count },
      ]
    : [{ name: 'q_proj', inputs: h, outputs: queries, count }];
  return [
    ...query,
    { name: 'kv_a_proj_with_mqa', inputs: h, outputs: rank + rope, count },
    { name: 'kv_b_proj', inputs: rank, outputs: heads * (plain + value), count },
    { name: 'o_proj', inputs: heads * value, outputs: h, count },
  ];
}

function feedForwardOf(text: TextConfig, modelType: string): Linear[] {
  const { hidden_size: h, num_hidden_layers: layers } = text;
  const f = feedForward(text);
  if (modelType === 'phi') {
    return [
      { name: 'fc1', inputs: h, outputs: f, count: layers },
      { name: 'fc2', inputs: f, outputs: h, count: layers },
    ];
  }
  if (modelType === 'phi3') {
    return [
      { name: 'gate_up_proj', inputs: h, outputs: 2 * f, count: layers },
      { name: 'down_proj', inputs: f, outputs: h, count: layers },
    ];
  }
  const experts = text.n_routed_experts ?? text.num_local_experts ?? text.num_experts ?? 0;
  const dense = experts === 0 ? layers : Math.min(layers, text.first_k_dense_replace ?? 0);
  const sparse = layers - dense;
  const inner = text.moe_intermediate_size ?? f;
  return [
    ...gated(h, f, dense),
    ...gated(h, inner, sparse * experts).map((linear) => ({ ...linear, name: `experts.${linear.name}` })),
    ...gated(h, inner * (text.n_shared_experts ?? 0), sparse).map((linear) => ({
      ...linear,
      name: `shared_experts.${linear.name}`,
    })),
    { name: 'router', inputs: h, outputs: experts, count: sparse },
  ].filter(({ inputs, outputs }) => inputs * outputs > 0);
}

const gated = (h: number, f: number, count: number): Linear[] => [
  { name: 'gate_proj', inputs: h, outputs: f, count },
  { name: 'up_proj', inputs: h, outputs: f, count },
  { name: 'down_proj', inputs: f, outputs: h, count },
];

/** Norms and biases. */
function smallOnes(text: TextConfig, modelType: string): number {
  const { hidden_size: h, num_hidden_layers: layers } = text;
  const queries = text.num_attention_heads * headDim(text);
  const keys = keyValueHeads(text) * headDim(text);
  if (modelType === 'phi') {
    // One norm with bias a layer, since attention and feed-forward are parallel; a bias at every matrix.
    return layers * (2 * h + queries + 2 * keys + h + feedForward(text) + h) + 2 * h;
  }
  const norms = modelType.startsWith('gemma2') || modelType.startsWith('gemma3') ? 4 * h : 2 * h;
  const perHead = /^(qwen3|gemma3)/.test(modelType) ? 2 * headDim(text) : 0;
  const compressed = text.kv_lora_rank ? text.kv_lora_rank + (text.q_lora_rank ?? 0) : 0;
  const biases = modelType === 'qwen2' ? queries + 2 * keys : text.attention_bias === true ? queries + 2 * keys + h : 0;
  const feedForwardBiases = text.mlp_bias === true ? 2 * feedForward(text) + h : 0;
  return layers * (norms + perHead + compressed + biases + feedForwardBiases) + h;
}

/** The image encoder of Gemma 3 (SigLIP) and what joins it to the text. */
function visionParameters(vision: VisionConfig | undefined, text: TextConfig): number {
  if (!vision) return 0;
  const { hidden_size: h, intermediate_size: f, num_hidden_layers: layers, patch_size, num_channels } = vision;
  const patches = num_channels * patch_size ** 2 * h + h;
  const positions = Math.floor(vision.image_size / patch_size) ** 2 * h;
  const layer = 4 * (h * h + h) + 2 * h * f + f + h + 4 * h;
  const joint = h * text.hidden_size + h;
  return patches + positions + layers * layer + 2 * h + joint;
}

/** Parameters of an adapter beside every matrix: each gets one of rank x inputs and one of outputs x rank. */
export function adapterParameters({ linears }: ModelShape, rank: number): number {
  return linears
    .filter(takesAdapter)
    .reduce((sum, { inputs, outputs, count }) => sum + rank * (inputs + outputs) * count, 0);
}
