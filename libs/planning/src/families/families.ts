/** A family of models, as far as training one differs from training another. */
export interface Family {
  readonly name: string;
  /** `model_type` of its config.json. */
  readonly modelTypes: readonly string[];
  /** The layer class that FSDP shards by. */
  readonly wrapClass: string;
  /** Axolotl's name of its chat template, for base models whose tokenizer has none. */
  readonly template?: string;
  readonly endOfTurn: readonly string[];
  /**
   * What Transformers computes attention with. Scaled dot product attention has no place for the soft cap on the logits
   * of attention that Gemma 2 was trained with; eager has, at the price of keeping the scores.
   */
  readonly attention: 'sdpa' | 'eager';
}

/**
 * Axolotl's name of the template for a base model of a family that has none of its own; nothing when its vocabulary lacks a
 * token that the template needs.
 *
 * @param tokens that were added to the vocabulary
 */
export function templateOf(family: Family, tokens: ReadonlySet<string>): string | undefined {
  return family.endOfTurn.every((token) => tokens.has(token)) ? family.template : undefined;
}

const families: readonly Family[] = [
  {
    name: 'Gemma 2',
    modelTypes: ['gemma2'],
    wrapClass: 'Gemma2DecoderLayer',
    template: 'gemma',
    endOfTurn: ['<end_of_turn>'],
    attention: 'eager',
  },
  {
    name: 'Gemma 3',
    modelTypes: ['gemma3_text', 'gemma3'],
    wrapClass: 'Gemma3DecoderLayer',
    template: 'gemma3',
    endOfTurn: ['<end_of_turn>'],
    attention: 'sdpa',
  },
  {
    name: 'Qwen 2.5',
    modelTypes: ['qwen2'],
    wrapClass: 'Qwen2DecoderLayer',
    template: 'qwen_25',
    endOfTurn: ['<|im_end|>'],
    attention: 'sdpa',
  },
  {
    name: 'Qwen 3',
    modelTypes: ['qwen3'],
    wrapClass: 'Qwen3DecoderLayer',
    template: 'qwen3',
    endOfTurn: ['<|im_end|>'],
    attention: 'sdpa',
  },
  {
    name: 'Mistral',
    modelTypes: ['mistral'],
    wrapClass: 'MistralDecoderLayer',
    template: 'mistral_v2v3',
    endOfTurn: ['</s>'],
    attention: 'sdpa',
  },
  {
    name: 'Phi 3',
    modelTypes: ['phi3'],
    wrapClass: 'Phi3DecoderLayer',
    template: 'phi_3',
    endOfTurn: ['<|end|>'],
    attention: 'sdpa',
  },
  { name: 'Phi', modelTypes: ['phi'], wrapClass: 'PhiDecoderLayer', endOfTurn: [], attention: 'sdpa' },
  {
    name: 'SmolLM 3',
    modelTypes: ['smollm3'],
    wrapClass: 'SmolLM3DecoderLayer',
    template: 'chatml',
    endOfTurn: ['<|im_end|>'],
    attention: 'sdpa',
  },
];

// SmolLM, SmolLM2 and many others are Llamas by their configuration; their vocabulary tells them apart.
const llama = { modelTypes: ['llama'], wrapClass: 'LlamaDecoderLayer', attention: 'sdpa' } as const;
const llama3: Family = { ...llama, name: 'Llama 3', template: 'llama3', endOfTurn: ['<|eot_id|>'] };
const smollm: Family = { ...llama, name: 'SmolLM', template: 'chatml', endOfTurn: ['<|im_end|>'] };
const otherLlama: Family = { ...llama, name: 'Llama', endOfTurn: ['</s>', '<|im_end|>'] };
const vocabularyOf = { llama3: 128_256, smollm: 49_152 } as const;

/** The family of a model by its config.json; undefined for one that is not in the table. */
export function familyOf(modelType: string, vocabulary: number): Family | undefined {
  if (modelType !== 'llama') return families.find(({ modelTypes }) => modelTypes.includes(modelType));
  if (vocabulary === vocabularyOf.llama3) return llama3;
  return vocabulary === vocabularyOf.smollm ? smollm : otherLlama;
}
