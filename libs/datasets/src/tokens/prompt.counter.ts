import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Message } from '@anneal/rows';
import { Rendering } from './rendering.js';
import { readTokenizerFiles } from './tokenizer.files.js';

/** A chat template, by its text and by what it makes of a conversation. */
export interface ChatForm {
  /** SHA-256 of the template's text. */
  readonly digest: string;
  /** A short conversation, as the model sees it. */
  readonly sample: string;
}

const sample: readonly Message[] = [
  { role: 'user', content: 'A?' },
  { role: 'assistant', content: 'B.' },
  { role: 'user', content: 'C?' },
];

/** Tokens of what a model is asked, counted as its own tokenizer does. */
export class PromptCounter {
  private constructor(
    private readonly rendering: Rendering,
    private readonly template: string | undefined,
  ) {}

  /**
   * Takes the tokenizer of the model in a folder.
   *
   * @returns nothing when there is none that can be read here
   */
  static async open(directory: string): Promise<PromptCounter | undefined> {
    const read = (name: string): Promise<string | undefined> =>
      readFile(join(directory, name), 'utf8').catch(() => undefined);
    // One that cannot be read here may still be one that Python reads: the model can be asked all the same.
    const files = await readTokenizerFiles(read).catch(() => undefined);
    const rendering = Rendering.open(files, 'chat');
    return rendering && new PromptCounter(rendering, files?.template);
  }

  /** How the model is asked conversations; nothing when it has no chat template, or one that refuses an ordinary one. */
  chatForm(): ChatForm | undefined {
    if (this.template === undefined) return undefined;
    try {
      return { digest: createHash('sha256').update(this.template).digest('hex'), sample: this.rendering.asked(sample) };
    } catch {
      return undefined;
    }
  }

  /** Of a text that is to be continued. */
  ofText(text: string): number {
    return this.rendering.countText(text);
  }

  /**
   * Of a conversation that waits for its answer.
   *
   * @returns nothing when the model has no chat template, or one that refuses the conversation
   */
  ofConversation(messages: readonly Message[]): number | undefined {
    try {
      return this.rendering.countAsked(messages);
    } catch {
      return undefined;
    }
  }
}
