import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeLetterTokenizer } from '@anneal/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Prompt, Questions } from './benchmark.js';
import { chatFormOf, fittedTo as fitted } from './model.context.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'anneal-context-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const fittedTo = (directory: string, asked: Questions[], { signal } = new AbortController()) =>
  fitted(directory, asked, signal);

/** Questions of ten letters, with as many more for each example. */
function questions(form: (text: string) => Prompt): Questions {
  const withShots = (shots: number): Prompt => form('x'.repeat(10 + 10 * shots));
  const items = [{ id: '1', prompt: withShots(5), expected: 'A', withShots }];
  return { items, shots: 5, answerTokens: 20, stop: [], score: () => 'wrong', settings: { shots: 5 } };
}
const text = questions((prompt) => ({ prompt }));
const conversation = questions((content) => ({ messages: [{ role: 'user', content }] }));
/** What a conversation has besides the letters of its question. */
const around = '<>user\n<>\n<>assistant\n'.replaceAll('<>', '.').length;

describe('benchmarks that are fitted to a model', () => {
  it.each<[string, Questions, number]>([
    ['texts', text, 0],
    ['conversations', conversation, around],
  ])('have as many examples as its own tokenizer leaves room for: %s', async (_form, asked, more) => {
    writeLetterTokenizer(folder, 20 + 41 + more);
    const [first] = await fittedTo(folder, [asked]);
    expect(first?.items[0]?.prompt).toEqual(asked.items[0]?.withShots?.(3));
    expect(first?.settings).toEqual({ shots: 5, contextTokens: 61 + more, loweredShots: { 3: 1 } });
    writeLetterTokenizer(folder, 20 + 61 + more);
    expect((await fittedTo(folder, [asked]))[0]?.items[0]?.prompt).toEqual(asked.items[0]?.prompt);
  });

  it('stay as they are where it has no tokenizer that can be read, or says nothing of its positions', async () => {
    writeLetterTokenizer(folder, 30);
    for (const broken of ['{"added_tokens":[]}', 'no JSON']) {
      writeFileSync(join(folder, 'tokenizer.json'), broken);
      expect(await fittedTo(folder, [text])).toEqual([text]);
    }
    rmSync(join(folder, 'tokenizer.json'));
    expect(await fittedTo(folder, [text])).toEqual([text]);
    writeLetterTokenizer(folder, 30);
    writeFileSync(join(folder, 'config.json'), '{}');
    expect(await fittedTo(folder, [text])).toEqual([text]);
  });

  it('stay as they are where its template refuses them: the asking says why', async () => {
    writeLetterTokenizer(folder, 30);
    writeFileSync(join(folder, 'chat_template.jinja'), "{{ raise_exception('no') }}");
    expect((await fittedTo(folder, [conversation]))[0]?.items[0]?.prompt).toEqual(conversation.items[0]?.prompt);
  });

  it('are left when the run is cancelled', async () => {
    writeLetterTokenizer(folder, 30);
    const stopped = new AbortController();
    stopped.abort(new Error('cancelled'));
    await expect(fittedTo(folder, [text], stopped)).rejects.toThrow('cancelled');
  });

  it('need no model where no number of examples can be lowered', async () => {
    const { shots: _shots, ...fixed } = text;
    expect(await fittedTo(join(folder, 'nowhere'), [fixed])).toEqual([fixed]);
  });
});

describe('the form in which a model is asked conversations', () => {
  it('is told by the text of its template and by what it writes', async () => {
    writeLetterTokenizer(folder, 30);
    const form = await chatFormOf(folder);
    expect(form?.sample).toContain('<|im_start|>user\nC?<|im_end|>\n<|im_start|>assistant\n');
    const template = join(folder, 'chat_template.jinja');
    writeFileSync(template, `{# the same #}${readFileSync(template, 'utf8')}`);
    const same = await chatFormOf(folder);
    expect(same?.sample).toBe(form?.sample);
    expect(same?.digest).not.toBe(form?.digest);
  });

  it('is not known of a model without template, or with one that refuses', async () => {
    writeLetterTokenizer(folder, 30);
    writeFileSync(join(folder, 'chat_template.jinja'), "{{ raise_exception('no') }}");
    expect(await chatFormOf(folder)).toBeUndefined();
    rmSync(join(folder, 'chat_template.jinja'));
    expect(await chatFormOf(folder)).toBeUndefined();
  });
});
