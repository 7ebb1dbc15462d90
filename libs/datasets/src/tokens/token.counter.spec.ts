import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TokenCounter } from './token.counter.js';

const cache = process.env.ANNEAL_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'anneal');
const inCache = (start: string): string | undefined =>
  existsSync(cache) ? readdirSync(cache).find((name) => name.startsWith(start)) : undefined;
const python = join(cache, inCache('engine-') ?? 'engine', 'bin', 'python');
const models = join(cache, 'models');
const model = existsSync(models)
  ? [models, ...readdirSync(models).map((name) => join(models, name))].find((path) =>
      existsSync(join(path, 'tokenizer.json')),
    )
  : undefined;
const missing = [...(existsSync(python) ? [] : ['the engine']), ...(model === undefined ? ['the demo model'] : [])];

/** Five hundred texts of every kind: prose, formulas, code, digits, scripts, blanks, special tokens. */
function texts(): string[] {
  const pieces = [
    'The quick brown fox',
    "isn't",
    'über Größe',
    '数学は楽しい',
    'Привет, мир!',
    '👩‍🚀🚀',
    '12345.678',
    '$\\frac{12}{x^2}$',
    '  two  blanks ',
    '\n\n\tindented',
    'def f(x):\r\n    return x**2',
    '<|im_end|>',
    '<|im_start|>user',
    'https://example.org/a?b=c&d=e',
    'ÉCOLE naïve',
    '…—“”',
    'a_b-c/d\\e',
    '\u00a0nbsp\u2028line',
    'مرحبا',
    '[{"a": 1, "b": [true, null]}]',
  ];
  let state = 42;
  const next = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  return Array.from({ length: 500 }, () =>
    Array.from({ length: 1 + next(8) }, () => pieces[next(pieces.length)] ?? '').join(['', ' ', '\n', ', '][next(4)]),
  );
}

describe('tokens', () => {
  it('are those of the tokenizer of Python, on five hundred texts', ({ skip }) => {
    if (missing.length > 0) skip(`there is not ${missing.join(' and ')} in the cache`);
    const directory = model ?? '';
    const read = (name: string): object => JSON.parse(readFileSync(join(directory, name), 'utf8')) as object;
    const counter = TokenCounter.open(read('tokenizer.json'), read('tokenizer_config.json'));
    const script =
      'import json, sys; from tokenizers import Tokenizer; t = Tokenizer.from_file(sys.argv[1]); print(json.dumps([t.encode(x, add_special_tokens=False).ids for x in json.load(sys.stdin)]))';
    const given = texts();
    const { stdout, stderr } = spawnSync(python, ['-c', script, join(directory, 'tokenizer.json')], {
      input: JSON.stringify(given),
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    });
    expect(stderr).toBe('');
    const expected = JSON.parse(stdout) as number[][];
    expect(given.map((text) => counter.ids(text))).toEqual(expected);
    expect(given.map((text) => counter.count(text))).toEqual(expected.map(({ length }) => length));
  }, 60_000);
});
