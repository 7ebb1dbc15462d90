import { describe, expect, it } from 'vitest';
import { unknownKeys } from './axolotl-schema.js';

const config = {
  base_model: 'model',
  learning_rate: 0.0005,
  plugins: ['anneal_engine.reporter.ReporterPlugin'],
  datasets: [{ path: 'rows.jsonl', ds_type: 'json', type: 'chat_template', field_messages: 'messages' }],
};

describe('the keys of a configuration', () => {
  it('are all known in a good one', () => {
    expect(unknownKeys(config)).toEqual([]);
    expect(unknownKeys({})).toEqual([]);
  });

  it('are known in both spellings', () => {
    expect(unknownKeys({ revision_of_model: 'main', model_revision: 'main' })).toEqual([]);
  });

  it('are named when misspelt, at the root and in a dataset', () => {
    const misspelt = { ...config, learning_rte: 1, datasets: [...config.datasets, { path: 'x', field_mesages: 'm' }] };
    expect(unknownKeys(misspelt)).toEqual([{ path: 'learning_rte' }, { path: 'datasets.1.field_mesages' }]);
  });
});
