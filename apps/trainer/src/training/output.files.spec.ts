import { describe, expect, it } from 'vitest';
import { isResult } from './output.files.js';

describe('isResult', () => {
  it.each(['adapter_model.safetensors', 'adapter_config.json', 'tokenizer.json', 'chat_template.jinja'])(
    'takes %s of an adapter',
    (path) => expect(isResult('lora', path)).toBe(true),
  );

  it.each(['model.safetensors', 'model-00001-of-00002.safetensors', 'config.json', 'tokenizer_config.json'])(
    'takes %s of a full fine-tune',
    (path) => expect(isResult('full', path)).toBe(true),
  );

  it.each(['README.md', 'debug.log', 'training_args.bin', 'checkpoint-4/adapter_model.safetensors', 'config.json'])(
    'leaves %s of an adapter out',
    (path) => expect(isResult('qlora', path)).toBe(false),
  );

  it.each(['README.md', 'optimizer.pt', 'checkpoint-4/model.safetensors', 'adapter_config.json'])(
    'leaves %s of a full fine-tune out',
    (path) => expect(isResult('full', path)).toBe(false),
  );
});
