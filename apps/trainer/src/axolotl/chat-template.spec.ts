import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { familyOf } from '@anneal/planning';
import { chatForm } from './chat-template.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'anneal-template-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function save(name: string, value: unknown): Promise<void> {
  await writeFile(join(directory, name), typeof value === 'string' ? value : JSON.stringify(value));
}

describe('chatForm', () => {
  it('finds the token that ends a turn and is not the end of the text', async () => {
    await save('tokenizer_config.json', { chat_template: 'x <end_of_turn> y', eos_token: '<eos>' });
    await save('tokenizer.json', { added_tokens: [{ content: '<eos>' }, { content: '<end_of_turn>' }] });
    expect(await chatForm(directory, 'acme/chat')).toEqual({ endOfTurn: ['<end_of_turn>'] });
  });

  it('passes over words that only look like tokens', async () => {
    await save('chat_template.jinja', 'x <|im_end|> y');
    await save('tokenizer.json', { added_tokens: [{ content: '<eos>' }] });
    expect(await chatForm(directory, 'acme/chat')).toEqual({ endOfTurn: [] });
  });

  it('says what to do when there is no template', async () => {
    await save('tokenizer_config.json', { eos_token: '<eos>' });
    await expect(chatForm(directory, 'acme/base')).rejects.toMatchObject({
      code: 'SPEC_UNSUPPORTED',
      field: 'training.prompt',
    });
  });

  it('takes the template of the family for a base model whose vocabulary has its tokens', async () => {
    const gemma = familyOf('gemma2', 256_000);
    await save('tokenizer_config.json', { eos_token: '<eos>' });
    await save('tokenizer.json', { added_tokens: [{ content: '<eos>' }, { content: '<end_of_turn>' }] });
    expect(await chatForm(directory, 'acme/base', gemma)).toEqual({ template: 'gemma', endOfTurn: ['<end_of_turn>'] });
    await save('tokenizer.json', { added_tokens: [{ content: '<eos>' }] });
    await expect(chatForm(directory, 'acme/base', gemma)).rejects.toMatchObject({ field: 'training.prompt' });
  });

  it('refuses a tokenizer that can neither end a row nor fill it up', async () => {
    await save('tokenizer_config.json', { chat_template: 'x' });
    await expect(chatForm(directory, 'acme/endless')).rejects.toMatchObject({
      code: 'MODEL_INVALID',
      field: 'model.base',
    });
  });
});
