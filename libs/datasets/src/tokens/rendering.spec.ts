import { letterTokenizer } from '@anneal/testing';
import { describe, expect, it } from 'vitest';
import { Rendering } from './rendering.js';
import type { TokenizerFiles } from './tokenizer.files.js';

const { template: chatml } = letterTokenizer;
const files = (template: string | undefined): TokenizerFiles => ({ ...letterTokenizer, template });
const question = { role: 'user' as const, content: 'u' };
const answer = { role: 'assistant' as const, content: 'a' };
const asked = [question, answer];

describe('a row as the model sees it', () => {
  it('has its answer and the end of the turn trained, and nothing else, even when the answer stands in a mark, too', () => {
    const { tokens, trained } = new Rendering(files(chatml), 'chat').count({ messages: asked });
    expect(new Rendering(files(chatml), 'chat').parts({ messages: asked })).toEqual([
      { text: '<|im_start|>user\nu<|im_end|>\n<|im_start|>assistant\n', trained: false },
      { text: 'a<|im_end|>', trained: true },
      { text: '\n', trained: false },
    ]);
    // Two marks and letters: user, line end, u, line end; assistant, line end, a, line end.
    expect({ tokens, trained }).toEqual({ tokens: 4 + 7 + 12, trained: 2 });
  });

  it('does not train an answer that says so', () => {
    const messages = [question, { ...answer, train: false as const }, ...asked];
    const trained = new Rendering(files(chatml), 'chat').parts({ messages }).filter((part) => part.trained);
    expect(trained).toEqual([{ text: 'a<|im_end|>', trained: true }]);
  });

  it('is found by a template that cuts white space', () => {
    const cuts = chatml.replace('m.content', '(m.content | trim)');
    const messages = [question, { ...answer, content: ' a\n' }];
    const trained = new Rendering(files(cuts), 'chat').parts({ messages }).filter((part) => part.trained);
    expect(trained).toEqual([{ text: 'a<|im_end|>', trained: true }]);
  });

  it.each([
    ['that its template names', chatml, ['<|im_end|>']],
    ['that its template takes from the tokenizer', chatml.replace("'<|im_end|>'", 'eos_token'), ['<|im_end|>']],
    ['of none, when its template writes none', chatml.replace("'<|im_end|>'", "''"), []],
  ])('has the end of a turn %s', (_what, template, ends) => {
    expect(new Rendering(files(template), 'chat').endOfTurn).toEqual(ends);
  });

  it('is told when the template refuses it', () => {
    const refuses = "{{ raise_exception('System role not supported') }}";
    expect(() => new Rendering(files(refuses), 'chat').parts({ messages: asked })).toThrow('System role not supported');
  });

  it('is counted up to the place where the model answers', () => {
    const rendering = new Rendering(files(chatml), 'chat');
    // Two marks and letters of the question; a mark, assistant, line end.
    expect(rendering.countAsked([question])).toBe(2 + 7 + 1 + 10);
    expect(rendering.countText('two <|im_end|>')).toBe(5);
  });

  it('has the text of load_qa when that is the prompt', () => {
    const rendering = new Rendering(files(undefined), 'load-qa');
    const parts = rendering.parts({ messages: [{ role: 'system', content: 's' }, ...asked] });
    expect(parts[0]?.text.endsWith('request.\n\n\nUSER: s\n\nu\nASSISTANT:')).toBe(true);
    expect(parts[1]).toEqual({ text: 'a<|im_end|>', trained: true });
    expect(rendering.hasTemplate).toBe(false);
  });
});
