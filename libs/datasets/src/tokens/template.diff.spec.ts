import { Template } from '@huggingface/jinja';
import { letterTokenizer } from '@anneal/testing';
import type { Conversation } from '@anneal/rows';
import { describe, expect, it, vi } from 'vitest';
import { Rendering } from './rendering.js';
import { DroppedByTemplate } from './template.diff.js';

const withTools = `{% if tools %}{{ tools | tojson }}{% endif %}{% for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}{% for c in m.tool_calls or [] %}[{{ c.function.name }} {{ c.function.arguments | tojson }}]{% endfor %}<|im_end|>
{% endfor %}`;
const rendering = (template: string): Rendering => new Rendering({ ...letterTokenizer, template }, 'chat');

const called = (name: string) => ({ type: 'function', function: { name, arguments: { n: 1 } } }) as const;
const conversation: Conversation = {
  tools: [{ type: 'function', function: { name: 'f' } }],
  messages: [
    { role: 'user', content: 'u' },
    { role: 'assistant', content: '', tool_calls: [called('f'), called('g')] },
    { role: 'tool', content: 'told' },
    { role: 'assistant', content: 'a' },
  ],
};

describe('a conversation with tools', () => {
  it('has its calls and answers learnt, each with the end of its turn', () => {
    const learnt = rendering(withTools)
      .parts(conversation)
      .filter(({ trained }) => trained)
      .map(({ text }) => text);
    expect(learnt).toEqual(['[f {"n": 1}][g {"n": 1}]', '<|im_end|>', 'a', '<|im_end|>']);
  });

  it('keeps calls that are not to be learnt', () => {
    const [asked, calls, ...rest] = conversation.messages;
    if (!asked || !calls) throw new Error('no messages');
    const parts = rendering(withTools).parts({
      ...conversation,
      messages: [asked, { ...calls, train: false }, ...rest],
    });
    expect(parts.filter(({ trained }) => trained).map(({ text }) => text)).toEqual(['a', '<|im_end|>']);
    expect(parts.map(({ text }) => text).join('')).toContain('[f {"n": 1}]');
  });

  it.each([
    ['the tools', withTools.replace('tools | tojson', '""')],
    [
      'a call of a tool',
      letterTokenizer.template.replace('<|im_start|>', "' ~ (tools | tojson if tools else '') ~ '<|im_start|>"),
    ],
    ['a call of a tool', withTools.replace('m.tool_calls or []', '(m.tool_calls or [])[:1]')],
    ['what a tool answers', withTools.replace('{{ m.content }}', "{{ m.content if m.role != 'tool' else '' }}")],
  ])('is refused where the template leaves out %s', (what, template) => {
    expect(() => rendering(template).parts(conversation)).toThrow(new DroppedByTemplate(what));
  });

  it('is only counted where it has more tokens than a row may have', () => {
    const long = rendering(withTools);
    const { tokens, trained } = long.count(conversation);
    expect(trained).toBeGreaterThan(0);
    expect(long.count(conversation, tokens)).toEqual({ tokens, trained });
    expect(long.count(conversation, tokens - 1)).toEqual({ tokens, trained: 0 });
    const step = [...conversation.messages.slice(1, 3)];
    const many = [...conversation.messages, ...Array.from({ length: 1000 }, () => step).flat()];
    // Each time takes a text of the whole length.
    const render = vi.spyOn(Template.prototype, 'render');
    long.count({ ...conversation, messages: [...many, { role: 'assistant', content: 'a' }] }, 100);
    expect(render).toHaveBeenCalledTimes(1);
    render.mockRestore();
  });
});
