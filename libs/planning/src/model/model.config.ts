import { Failure } from '@anneal/contracts';
import { z } from 'zod';

// No model has more of anything by far; sums of it are exact and finite.
const count = z.int().min(1).max(10_000_000);
const optionalCount = count.nullish();

const textShape = {
  model_type: z.string().optional(),
  hidden_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  num_key_value_heads: optionalCount,
  head_dim: optionalCount,
  intermediate_size: optionalCount,
  vocab_size: count,
  max_position_embeddings: optionalCount,
  tie_word_embeddings: z.boolean().nullish(),
  attention_bias: z.boolean().nullish(),
  mlp_bias: z.boolean().nullish(),
  // Mixtures of experts.
  num_local_experts: optionalCount,
  num_experts: optionalCount,
  n_routed_experts: optionalCount,
  n_shared_experts: z.int().min(0).nullish(),
  moe_intermediate_size: optionalCount,
  first_k_dense_replace: z.int().min(0).nullish(),
  // Attention with compressed keys and values (DeepSeek).
  q_lora_rank: optionalCount,
  kv_lora_rank: optionalCount,
  qk_nope_head_dim: optionalCount,
  qk_rope_head_dim: optionalCount,
  v_head_dim: optionalCount,
};
const visionShape = {
  hidden_size: count,
  num_hidden_layers: count,
  intermediate_size: count,
  image_size: count,
  patch_size: count,
  num_channels: count.default(3),
};

const textConfig = z.object(textShape);
export type TextConfig = z.infer<typeof textConfig>;
const visionConfig = z.object(visionShape);
export type VisionConfig = z.infer<typeof visionConfig>;

const outer = z.object({
  model_type: z.string().default('unknown'),
  architectures: z.array(z.string()).nullish(),
  tie_word_embeddings: z.boolean().nullish(),
  text_config: z.record(z.string(), z.unknown()).nullish(),
  vision_config: z.record(z.string(), z.unknown()).nullish(),
  auto_map: z.unknown().optional(),
});

export interface ModelConfig {
  readonly modelType: string;
  readonly architecture: string;
  readonly text: TextConfig;
  readonly vision: VisionConfig | undefined;
  /** Whether a part of the model is described in a way that this does not know. */
  readonly partlyUnknown: boolean;
  /** Whether it comes with code of its own, which is never run. */
  readonly hasOwnCode: boolean;
}

// What the configuration classes of Transformers assume where a config.json is silent, which differs between families.
const tiedByDefault: ReadonlySet<string> = new Set(['gemma', 'gemma2', 'gemma3', 'gemma3_text', 'smollm3']);
const headDimDefaults: Readonly<Record<string, number>> = { gemma2: 256, gemma3: 256, gemma3_text: 256, qwen3: 128 };

/**
 * Reads the parts of a config.json that decide how large a model is.
 *
 * @throws Failure MODEL_INVALID
 */
export function readModelConfig(value: unknown, reference: string): ModelConfig {
  const whole = outer.safeParse(value);
  if (!whole.success) throw unreadable(reference, 'it is no configuration of a model');
  const { model_type: modelType, architectures, text_config, vision_config, auto_map } = whole.data;
  const text = textConfig.safeParse(text_config ?? value);
  if (!text.success) {
    const field = text.error.issues[0]?.path.join('.') ?? '';
    throw unreadable(reference, `"${field}" is missing or no whole number above zero`);
  }
  const vision = visionConfig.safeParse(vision_config ?? undefined);
  return {
    modelType,
    architecture: architectures?.[0] ?? modelType,
    text: {
      ...text.data,
      head_dim: text.data.head_dim ?? headDimDefaults[modelType],
      tie_word_embeddings:
        text.data.tie_word_embeddings ?? whole.data.tie_word_embeddings ?? tiedByDefault.has(modelType),
    },
    vision: vision.success ? vision.data : undefined,
    partlyUnknown: Boolean(vision_config) && !(vision.success && modelType === 'gemma3'),
    hasOwnCode: auto_map !== undefined && auto_map !== null,
  };
}

function unreadable(reference: string, why: string): Failure {
  return new Failure('MODEL_INVALID', `The config.json of ${reference} does not say how large the model is: ${why}.`, {
    remedy: 'Name a causal language model in the form of Transformers.',
    field: 'model.base',
  });
}
