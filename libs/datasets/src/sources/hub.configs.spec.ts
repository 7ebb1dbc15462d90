import { describe, expect, it } from 'vitest';
import { filesOfConfig, globExpression } from './hub.configs.js';

const paths = [
  'README.md',
  'en/train-00000-of-00002.parquet',
  'en/train-00001-of-00002.parquet',
  'en/test-00000-of-00001.parquet',
  'de/part one.jsonl',
  'de/more/part two.jsonl',
];
const choose = (frontMatter: string, wanted: { split?: string; config?: string } = {}): string[] =>
  filesOfConfig(paths, `---\n${frontMatter}\n---\n# A set`, 'acme/set', {
    split: 'train',
    config: undefined,
    ...wanted,
  });

const both = `configs:
- config_name: en
  data_files:
  - split: train
    path: en/train-*
  - split: test
    path: ["en/test-*.parquet"]
- config_name: de
  data_files: "de/**"`;

describe('a description of configurations', () => {
  it('says which files a split has', () => {
    expect(choose(both, { config: 'en' })).toEqual(paths.slice(1, 3));
    expect(choose(both, { config: 'en', split: 'test' })).toEqual([paths[3]]);
    expect(choose(both, { config: 'de' })).toEqual(['de/more/part two.jsonl', 'de/part one.jsonl']);
  });

  it('of several needs one to be chosen, unless it says itself which is the usual one', () => {
    expect(() => choose(both)).toThrow(
      expect.objectContaining({
        code: 'SPEC_UNSUPPORTED',
        field: 'dataset.config',
        message: 'acme/set has several configurations: "en", "de".',
      }),
    );
    expect(choose(both.replace('config_name: en', 'config_name: default'))).toEqual(paths.slice(1, 3));
    expect(choose(`${both}\n  default: true`)).toHaveLength(2);
    expect(choose('configs:\n- config_name: en\n  data_dir: en')).toEqual(paths.slice(1, 3));
    expect(
      choose('configs:\n- config_name: 2024\n  data_dir: ./en/\n  data_files: train-*', { config: '2024' }),
    ).toEqual(paths.slice(1, 3));
  });

  it.each([
    [{ config: 'fr' }, 'dataset.config', 'acme/set has no configuration "fr"; it has "en", "de".'],
    [
      { config: 'en', split: 'dev' },
      'dataset.split',
      'acme/set has no split "dev" in configuration "en"; it has "train", "test".',
    ],
  ])('does not have %j', (wanted, field, message) => {
    expect(() => choose(both, wanted)).toThrow(expect.objectContaining({ code: 'DATASET_NOT_FOUND', field, message }));
  });

  it('that names what is not there is not followed', () => {
    expect(() => choose('configs:\n- config_name: en\n  data_files: gone/*')).toThrow('but has no such file');
  });

  it.each(['license: mit', 'configs: later', ': [', 'configs: []'])(
    'that says nothing leaves it to the names: %s',
    (text) => {
      expect(() => choose(text)).not.toThrow();
      expect(choose(text)).toEqual(paths.slice(1, 3));
    },
  );
});

it.each([
  ['data/*.parquet', ['data/a.parquet'], ['data/b/a.parquet', 'a.parquet', 'data/a.parquet2']],
  ['**/train-*', ['train-0', 'a/train-0', 'a/b/train-1'], ['a/test-0']],
  ['a/**', ['a/b', 'a/b/c'], ['b/a']],
  ['{train,dev}-[0-9].js?n', ['train-1.json', 'dev-2.jsxn'], ['test-1.json', 'train-a.json']],
])('the pattern %s matches %j and not %j', (pattern, matching, others) => {
  for (const path of matching) expect(path).toMatch(globExpression(pattern));
  for (const path of others) expect(path).not.toMatch(globExpression(pattern));
});
