import { Template } from '@huggingface/jinja';
import {
  conversationsOf,
  loadQaPrompt,
  usesTools,
  type Conversation,
  type Message,
  type PreferencePair,
  type Tool,
} from '@anneal/rows';
import { z } from 'zod';
import { TokenCounter } from './token.counter.js';
import { requireShown, trainedSpan } from './template.diff.js';
import type { TokenizerFiles } from './tokenizer.files.js';

/** Part of a text as the model sees it. */
export interface TextPart {
  readonly text: string;
  /** Whether the loss is computed on it. */
  readonly trained: boolean;
}

export interface CountedRow {
  /** Of the longer conversation, where the row is a pair. */
  readonly tokens: number;
  readonly trained: number;
  readonly pair?: { readonly prompt: number; readonly chosen: number; readonly rejected: number };
}

/** A token of tokenizer_config.json: a text, or an object with one. */
const token = z.union([z.string(), z.object({ content: z.string() }).transform(({ content }) => content)]);
const specialNames = ['bos_token', 'eos_token', 'pad_token', 'unk_token'] as const;

/** Tokens that end a turn in the templates of the usual families. The trainer knows the same ones. */
const endsOfTurns = ['<|im_end|>', '<|eot_id|>', '<end_of_turn>', '<turn|>', '<|end|>', '<|end_of_text|>', '</s>'];

const mostTokensBetween = 3;

/** What a row looks like to the model, and how many tokens it has: with the model's own tokenizer and template. */
export class Rendering {
  readonly specialTokens: Readonly<Record<string, string>>;
  /** Tokens that end a turn; an answer without one never learns to stop. */
  readonly endOfTurn: readonly string[];
  private readonly counter: TokenCounter;
  private readonly template: Template | undefined;
  /** What the template puts before an answer. */
  private readonly answerMark: string;

  constructor(
    files: TokenizerFiles,
    readonly prompt: 'chat' | 'load-qa' | 'completion',
  ) {
    const config = z.record(z.string(), z.unknown()).parse(JSON.parse(files.config));
    this.counter = TokenCounter.open(z.record(z.string(), z.unknown()).parse(JSON.parse(files.tokenizer)), config);
    this.template = files.template === undefined ? undefined : new Template(files.template);
    const special = specialNames.flatMap((name): [string, string][] => {
      const parsed = token.safeParse(config[name]);
      return parsed.success ? [[name, parsed.data]] : [];
    });
    this.specialTokens = Object.fromEntries(special);
    const { eos_token: eos } = this.specialTokens;
    const ends = endsOfTurns.filter((end) => this.counter.isAdded(end) && (files.template?.includes(end) ?? false));
    const usual = eos === undefined || (prompt === 'chat' && !this.endsTurnsWith(eos)) ? [] : [eos];
    this.endOfTurn = prompt === 'chat' && ends.length > 0 ? ends : usual;
    this.answerMark = this.findAnswerMark();
  }

  /** @returns nothing for a tokenizer or a template of a kind that only Python reads */
  static open(files: TokenizerFiles | undefined, prompt: Rendering['prompt']): Rendering | undefined {
    try {
      return files && new Rendering(files, prompt);
    } catch {
      return undefined;
    }
  }

  get hasTemplate(): boolean {
    return this.template !== undefined;
  }

  /**
   * The text of a conversation, in parts that are trained and parts that are not.
   *
   * @throws Error what the template says, when it refuses the conversation; DroppedByTemplate
   */
  parts(conversation: Conversation): TextPart[] {
    if (this.prompt === 'completion') return this.plainParts(conversation);
    if (this.prompt === 'load-qa') return this.loadQaParts(conversation.messages);
    return usesTools(conversation) ? this.toolParts(conversation) : this.chatParts(conversation.messages);
  }

  /**
   * @param most tokens that a row may have: of what a longer one teaches with tools, nobody wants to know
   * @throws Error what the template says, when it refuses the conversation; DroppedByTemplate
   */
  count(conversation: Conversation, most = Number.POSITIVE_INFINITY): CountedRow {
    if (this.prompt === 'chat' && usesTools(conversation)) {
      // To see what of it is learnt takes a text of its whole length for each of its turns.
      const tokens = this.counter.count(this.render(conversation.messages, false, conversation.tools));
      if (tokens > most) return { tokens, trained: 0 };
    }
    return this.countParts(this.parts(conversation));
  }

  private countParts(parts: readonly TextPart[]): CountedRow {
    const around = this.prompt === 'chat' ? 0 : this.counter.around;
    const tokens = this.counter.count(parts.map(({ text }) => text).join('')) + around;
    if (this.prompt === 'completion') return { tokens, trained: tokens };
    return {
      tokens,
      trained: parts.reduce((sum, part) => sum + (part.trained ? this.counter.count(part.text) : 0), 0),
    };
  }

  /**
   * The text of a conversation with the marks after which the model answers.
   *
   * @throws Error when the model has no chat template, or one that refuses the conversation
   */
  asked(messages: readonly Message[]): string {
    return this.render(messages, true);
  }

  /** What is asked counts once, and both answers are learnt from. */
  countPair(pair: PreferencePair): CountedRow {
    const [chosen, rejected] = conversationsOf(pair).map((conversation) => {
      const parts = this.parts(conversation);
      // Axolotl cuts what the template puts behind the answer.
      return this.countParts(parts.slice(0, parts.findLastIndex((part) => part.trained) + 1));
    });
    if (!chosen || !rejected) throw new Error('a pair has two conversations');
    return {
      tokens: Math.max(chosen.tokens, rejected.tokens),
      trained: chosen.trained + rejected.trained,
      pair: { prompt: chosen.tokens - chosen.trained, chosen: chosen.trained, rejected: rejected.trained },
    };
  }

  /** Tokens of a conversation with the marks after which the model answers; the template writes all special tokens. */
  countAsked(messages: readonly Message[]): number {
    return this.counter.count(this.asked(messages));
  }

  /** Tokens of a text as it stands, with those that the tokenizer puts around it. */
  countText(text: string): number {
    return this.counter.count(text) + this.counter.around;
  }

  /** Axolotl's `completion`: the text as it stands, and the end of a text unless one is there. */
  private plainParts({ messages }: Conversation): TextPart[] {
    const text = messages[0]?.content ?? '';
    const { eos_token: eos = '' } = this.specialTokens;
    const ends = eos === '' || text.endsWith(eos) || this.counter.endsWith(eos);
    return [{ text: ends ? text : `${text}${eos}`, trained: true }];
  }

  private loadQaParts(messages: readonly Message[]): TextPart[] {
    const system = messages[0]?.role === 'system' ? `${messages[0].content}\n\n` : '';
    const question = messages.findLast(({ role }) => role === 'user')?.content ?? '';
    const answer = messages.at(-1)?.content ?? '';
    return [
      { text: loadQaPrompt(`${system}${question}`), trained: false },
      { text: `${answer}${this.specialTokens.eos_token ?? ''}`, trained: true },
    ];
  }

  private chatParts(messages: readonly Message[]): TextPart[] {
    const text = this.render(messages, false);
    const parts: TextPart[] = [];
    let from = 0;
    let search = 0;
    for (const { role, content, train } of messages) {
      if (role === 'assistant') search = this.afterMark(text, search);
      // Many templates cut the white space around a content.
      const trimmed = content.trim();
      const at = text.indexOf(trimmed, search);
      if (at < 0) continue;
      search = at + trimmed.length;
      if (role !== 'assistant' || train === false) continue;
      const whole = at - content.indexOf(trimmed);
      const start = text.startsWith(content, whole) ? whole : at;
      const end = this.endAfter(text, start === whole ? start + content.length : search);
      parts.push({ text: text.slice(from, start), trained: false }, { text: text.slice(start, end), trained: true });
      from = end;
      search = end;
    }
    parts.push({ text: text.slice(from), trained: false });
    return parts.filter((part) => part.text !== '');
  }

  /**
   * The trainer looks for what an answer is by putting another in its place, so that its calls are trained, too.
   *
   * @throws DroppedByTemplate
   */
  private toolParts({ messages, tools }: Conversation): TextPart[] {
    const render = (turns: readonly Message[], declared = tools): string => this.render(turns, false, declared);
    const text = render(messages);
    requireShown(text, { messages, tools }, render);
    const parts: TextPart[] = [];
    let from = 0;
    for (const [index, { role, train }] of messages.entries()) {
      if (role !== 'assistant' || train === false) continue;
      const { start, end } = trainedSpan(text, messages, index, render);
      if (end <= start || start < from) continue;
      parts.push({ text: text.slice(from, start), trained: false }, { text: text.slice(start, end), trained: true });
      from = end;
      const mark = this.endOfTurnAfter(text, end);
      if (!mark) continue;
      parts.push({ text: text.slice(end, mark.at), trained: false }, { text: mark.token, trained: true });
      from = mark.at + mark.token.length;
    }
    parts.push({ text: text.slice(from), trained: false });
    return parts.filter((part) => part.text !== '');
  }

  /** The trainer takes the first end of a turn that is at most three tokens away. */
  private endOfTurnAfter(text: string, from: number): { at: number; token: string } | undefined {
    const marks = this.endOfTurn.length > 0 ? this.endOfTurn : [this.specialTokens.eos_token ?? ''];
    const [first] = marks
      .filter((token) => token !== '')
      .map((token) => ({ token, at: text.indexOf(token, from) }))
      .filter(({ at }) => at >= 0)
      .toSorted((one, other) => one.at - other.at);
    return first && this.counter.count(text.slice(from, first.at)) <= mostTokensBetween ? first : undefined;
  }

  private render(messages: readonly Message[], askForAnswer: boolean, tools?: readonly Tool[]): string {
    if (!this.template) throw new Error('the model has no chat template');
    const shown = messages.map(({ train: _train, ...turn }) => turn);
    const given = { messages: shown, add_generation_prompt: askForAnswer, ...this.specialTokens };
    return this.template.render(tools === undefined ? given : { ...given, tools });
  }

  /** Many templates write the token that the tokenizer says ends a text, and name it nowhere themselves. */
  private endsTurnsWith(eos: string): boolean {
    const answer = 'zzanswerzz';
    try {
      const text = this.render(
        [
          { role: 'user', content: 'x' },
          { role: 'assistant', content: answer },
        ],
        false,
      );
      const at = text.lastIndexOf(answer);
      return (
        at >= 0 &&
        text
          .slice(at + answer.length)
          .trimStart()
          .startsWith(eos)
      );
    } catch {
      return false;
    }
  }

  private findAnswerMark(): string {
    const question = [{ role: 'user', content: 'x' }] as const;
    try {
      return this.render(question, true).slice(this.render(question, false).length);
    } catch {
      return '';
    }
  }

  /** Where an answer begins: a short one may stand in the marks before it, too. */
  private afterMark(text: string, search: number): number {
    const at = this.answerMark === '' ? -1 : text.indexOf(this.answerMark, search);
    return at < 0 ? search : at + this.answerMark.length;
  }

  /** The end of a turn is trained, too. */
  private endAfter(text: string, at: number): number {
    const end = [...this.endOfTurn, this.specialTokens.eos_token ?? ''].find(
      (mark) => mark !== '' && text.startsWith(mark, at),
    );
    return at + (end?.length ?? 0);
  }
}
