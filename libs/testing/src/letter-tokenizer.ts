import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const marks = ['<|im_start|>', '<|im_end|>'];
const printable = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index));

const template =
  "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/** A tokenizer with a token for each letter, and two marks for the turns of a conversation. */
export const letterTokenizer = {
  tokenizer: JSON.stringify({
    version: '1.0',
    added_tokens: marks.map((content, id) => ({
      ...{ id, content, special: true, normalized: false, lstrip: false, rstrip: false, single_word: false },
    })),
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
    model: {
      type: 'BPE',
      vocab: Object.fromEntries([...marks, '\n', ...printable].map((token, id) => [token, id])),
      merges: [],
      unk_token: null,
    },
  }),
  config: JSON.stringify({ bos_token: '<|im_start|>', eos_token: { content: '<|im_end|>' } }),
  template,
} as const;

/** Makes it the tokenizer of the model in a folder, which knows so many positions. */
export function writeLetterTokenizer(directory: string, positions: number): void {
  const files = {
    'config.json': JSON.stringify({ architectures: ['LlamaForCausalLM'], max_position_embeddings: positions }),
    'tokenizer.json': letterTokenizer.tokenizer,
    'tokenizer_config.json': letterTokenizer.config,
    'chat_template.jinja': letterTokenizer.template,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
}
