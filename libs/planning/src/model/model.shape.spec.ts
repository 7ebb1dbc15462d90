import { describe, expect, it } from 'vitest';
import { readModelConfig } from './model.config.js';
import { adapterParameters, modelShape, type ModelShape } from './model.shape.js';
import { configs } from './configs.fixture.js';

function shape(config: object): ModelShape {
  return modelShape(readModelConfig(config, 'acme/model'));
}

describe('the number of parameters', () => {
  // As the model cards, the safetensors headers and Transformers itself count them.
  it.each([
    ['gemma-2-2b', 2_614_341_888],
    ['gemma-2-9b', 9_241_705_984],
    ['gemma-3-1b', 999_885_952],
    ['gemma-3-4b', 4_300_079_472],
    ['Llama-3.2-1B', 1_235_814_400],
    ['Llama-3.2-3B', 3_212_749_824],
    ['Llama-3.1-8B', 8_030_261_248],
    ['Qwen2.5-0.5B', 494_032_768],
    ['Qwen2.5-7B', 7_615_616_512],
    ['Qwen3-0.6B', 596_049_920],
    ['Qwen3-8B', 8_190_735_360],
    ['Mistral-7B-v0.1', 7_241_732_096],
    ['phi-2', 2_779_683_840],
    ['Phi-3-mini', 3_821_079_552],
    ['Phi-4-mini', 3_836_021_760],
    ['SmolLM2-135M', 134_515_008],
    ['SmolLM3-3B', 3_075_098_624],
    ['Mixtral-8x7B', 46_702_792_704],
    ['Qwen3-30B-A3B', 30_532_122_624],
    ['DeepSeek-V2', 235_741_434_880],
  ] as const)('of %s is %i, from its configuration alone', (name, parameters) => {
    expect(shape(configs[name])).toMatchObject({ parameters, parametersFrom: 'config' });
  });

  it('is taken from the weights where they are at hand', () => {
    const model = modelShape(readModelConfig(configs['Qwen2.5-0.5B'], 'acme/model'), 494_032_769);
    expect(model).toMatchObject({ parameters: 494_032_769, parametersFrom: 'weights' });
  });

  it('is a guess with a warning for an unknown kind of model', () => {
    const model = shape({ ...configs['Llama-3.2-1B'], model_type: 'novel' });
    expect(model).toMatchObject({ parametersFrom: 'inspection', family: undefined });
    expect(model.warnings.join(' ')).toMatch(/novel .*guess/);
  });

  it('of an adapter counts both of its matrices beside each one of the model', () => {
    // What PEFT prints for these models with all linear layers as targets.
    expect(adapterParameters(shape(configs['SmolLM2-135M']), 8)).toBe(2_442_240);
    expect(adapterParameters(shape(configs['Llama-3.2-1B']), 16)).toBe(11_272_192);
  });
});

describe('the configuration of a model', () => {
  it.each([
    [{}, /"hidden_size"/],
    [{ ...configs['Qwen3-0.6B'], num_hidden_layers: 0 }, /"num_hidden_layers"/],
    [{ ...configs['Qwen3-0.6B'], vocab_size: 'many' }, /"vocab_size"/],
    [[], /no configuration/],
  ])('is refused when it does not say how large the model is', (config, message) => {
    expect(() => readModelConfig(config, 'acme/model')).toThrowError(message);
  });

  it('says that code of the model is not run', () => {
    expect(shape({ ...configs['phi-2'], auto_map: { AutoModel: 'x.py' } }).warnings.join()).toMatch(/never run/);
  });
});

describe('families', () => {
  it.each([
    ['gemma-2-2b', 'Gemma 2', 'Gemma2DecoderLayer', 'eager'],
    ['gemma-3-4b', 'Gemma 3', 'Gemma3DecoderLayer', 'sdpa'],
    ['Llama-3.2-1B', 'Llama 3', 'LlamaDecoderLayer', 'sdpa'],
    ['Qwen2.5-7B', 'Qwen 2.5', 'Qwen2DecoderLayer', 'sdpa'],
    ['Qwen3-8B', 'Qwen 3', 'Qwen3DecoderLayer', 'sdpa'],
    ['Mistral-7B-v0.1', 'Mistral', 'MistralDecoderLayer', 'sdpa'],
    ['Phi-3-mini', 'Phi 3', 'Phi3DecoderLayer', 'sdpa'],
    ['SmolLM2-135M', 'SmolLM', 'LlamaDecoderLayer', 'sdpa'],
    ['SmolLM3-3B', 'SmolLM 3', 'SmolLM3DecoderLayer', 'sdpa'],
  ] as const)('tell %s as %s', (model, name, wrapClass, attention) => {
    expect(shape(configs[model]).family).toMatchObject({ name, wrapClass, attention });
  });
});
