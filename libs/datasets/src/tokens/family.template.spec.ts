import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { letterTokenizer } from '@anneal/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Reach } from '../sources/reach.js';
import { findTokenizer } from './base.tokenizer.js';
import { Rendering } from './rendering.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-family-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const reach: Reach = { fileRoots: ['/'], hub: { endpoint: 'http://127.0.0.1:9', token: undefined } };
const gemma = { 'config.json': '{"model_type":"gemma2","vocab_size":256000}' };
const withTokens = (...names: string[]): string =>
  names.reduce(
    (text, name, index) => text.replaceAll(['<|im_start|>', '<|im_end|>'][index] ?? '', name),
    letterTokenizer.tokenizer,
  );

async function tokenizerOf(files: Record<string, string>) {
  const usual = { 'tokenizer_config.json': '{"bos_token":"<start_of_turn>","eos_token":"<end_of_turn>"}' };
  const turns = { 'tokenizer.json': withTokens('<start_of_turn>', '<end_of_turn>') };
  for (const [name, text] of Object.entries({ ...usual, ...turns, ...files }))
    await writeFile(join(folder, name), text);
  return findTokenizer({ base: `file:${folder}`, revision: 'main' }, reach, new AbortController().signal);
}

describe('a base model without a chat template', () => {
  it('has that of its family, with which its rows are counted', async () => {
    const files = await tokenizerOf(gemma);
    expect(files?.family).toBe('Gemma 2');
    const rendering = Rendering.open(files, 'chat');
    expect(rendering?.endOfTurn).toEqual(['<end_of_turn>']);
    const messages = [
      { role: 'user' as const, content: 'u' },
      { role: 'assistant' as const, content: 'a' },
    ];
    expect(rendering?.parts({ messages })).toEqual([
      { text: '<start_of_turn><start_of_turn>user\nu<end_of_turn>\n<start_of_turn>model\n', trained: false },
      { text: 'a<end_of_turn>', trained: true },
      { text: '\n', trained: false },
    ]);
    expect(rendering?.count({ messages }).trained).toBe(2);
  });

  it.each([
    ['whose vocabulary lacks the tokens of it', { ...gemma, 'tokenizer.json': letterTokenizer.tokenizer }],
    ['of no family that is known', { 'config.json': '{"model_type":"other"}' }],
    ['of a family that has none', { 'config.json': '{"model_type":"phi"}' }],
    ['that says nothing about itself', {}],
    ['that does not say what it is', { 'config.json': '{"architectures":["Gemma2ForCausalLM"]}' }],
  ])('%s has none', async (_what, files) => {
    expect(await tokenizerOf(files)).toMatchObject({ template: undefined });
  });

  it('is told from one that has its own', async () => {
    const files = await tokenizerOf({ ...gemma, 'chat_template.jinja': letterTokenizer.template });
    expect(files).toMatchObject({ template: letterTokenizer.template });
    expect(files).not.toHaveProperty('family');
  });
});
