import { describe, expect, it } from 'vitest';
import { chooseFiles } from './hub.files.js';

const choose = (paths: string[], wanted: { split?: string; config?: string } = {}): string[] =>
  chooseFiles(paths, 'acme/set', { split: 'train', config: undefined, ...wanted });

describe('the files of a split', () => {
  it.each([
    [['README.md', 'train.jsonl', 'test.jsonl'], ['train.jsonl']],
    [
      ['data/train-00001-of-00002.parquet', 'data/train-00000-of-00002.parquet', 'data/test-00000-of-00001.parquet'],
      ['data/train-00000-of-00002.parquet', 'data/train-00001-of-00002.parquet'],
    ],
    [
      ['default/train/0000.parquet', 'default/train/0001.parquet', 'default/test/0000.parquet'],
      ['default/train/0000.parquet', 'default/train/0001.parquet'],
    ],
    [['math_train.jsonl', 'math_test.jsonl'], ['math_train.jsonl']],
    [['data/train-00000-of-00001.parquet', 'train.jsonl'], ['data/train-00000-of-00001.parquet']],
    [
      ['b.jsonl', 'a.jsonl'],
      ['a.jsonl', 'b.jsonl'],
    ],
    [['questions.parquet', 'notes.csv'], ['questions.parquet']],
    [['data.csv'], ['data.csv']],
    [['dataset_infos.json', 'train.json.gz', 'train.csv'], ['train.json.gz']],
    [
      ['train-1.jsonl.zst', 'train-0.jsonl.zst', 'test-0.jsonl.zst'],
      ['train-0.jsonl.zst', 'train-1.jsonl.zst'],
    ],
  ])('of %j are %j', (paths, chosen) => {
    expect(choose(paths)).toEqual(chosen);
  });

  it.each([
    [['train_sft-00000-of-00001.parquet', 'train_gen-00000-of-00001.parquet']],
    [['training_extra.jsonl']],
    [['test.jsonl']],
    [['data.txt']],
    [[]],
  ])('are not guessed from %j', (paths) => {
    expect(() => choose(paths)).toThrowError(expect.objectContaining({ code: 'DATASET_NOT_FOUND' }) as Error);
  });

  it('may have a longer name', () => {
    const paths = ['data/train_sft-00000-of-00001.parquet', 'data/train_gen-00000-of-00001.parquet'];
    expect(choose(paths, { split: 'train_sft' })).toEqual([paths[0]]);
  });

  it('of several configurations are told apart by the RunSpec only', () => {
    const paths = ['main/train-00000-of-00001.parquet', 'socratic/train-00000-of-00001.parquet'];
    expect(() => choose(paths)).toThrowError(
      expect.objectContaining({ code: 'SPEC_UNSUPPORTED', field: 'dataset.config' }) as Error,
    );
    expect(choose(paths, { config: 'main' })).toEqual([paths[0]]);
    expect(() => choose(paths, { config: 'other' })).toThrowError('it has main/train-00000-of-00001.parquet');
  });
});
