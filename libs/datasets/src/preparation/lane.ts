import type { RowProblemCode } from '@anneal/contracts';
import { conversationDigest, readConversation, type DataFormat, type Message, type SourceRow } from '@anneal/rows';
import { languageOf } from '../checks/language.js';
import { holdsTemplateMarks, leaksSystemPrompt } from '../checks/leaks.js';
import { findPersonalData, type PersonalData } from '../checks/personal-data.js';
import { BenchmarkIndex, type ContaminatedText, type SharedBenchmarkIndex } from '../contamination/benchmark.index.js';
import { MinHasher, signatureLength } from '../duplicates/min-hash.js';
import { Rendering, type CountedRow, type TextPart } from '../tokens/rendering.js';
import type { TokenizerFiles } from '../tokens/tokenizer.files.js';

/** What every lane of a preparation needs to know. Plain data: it goes to other threads. */
export interface LaneSetup {
  readonly format: DataFormat;
  readonly system: string | undefined;
  readonly prompt: 'chat' | 'load-qa';
  readonly tokenizer: TokenizerFiles | undefined;
  readonly benchmarks: SharedBenchmarkIndex | undefined;
  /** Shingles that say nothing about a row; nothing when near duplicates are not looked for. */
  readonly stock: Uint32Array | undefined;
}

export interface UsableRow {
  readonly ok: true;
  readonly number: number;
  /** The conversation as it is stored. */
  readonly line: string;
  readonly digest: string;
  readonly characters: number;
  readonly untrainedTurns: boolean;
  readonly counted: CountedRow | undefined;
  readonly contaminated: (ContaminatedText & { readonly text: string }) | undefined;
  readonly answer: string;
  readonly isShortAnswer: boolean;
  readonly leaks: boolean;
  readonly marks: boolean;
  readonly personal: PersonalData;
  readonly language: string;
}

export interface BadRow {
  readonly ok: false;
  readonly number: number;
  readonly code: RowProblemCode;
  /** A sentence that names row and file. */
  readonly message: string;
}

export interface LaneResult {
  readonly rows: readonly (UsableRow | BadRow)[];
  /** One after the other, for usable and bad rows alike; empty when none are made. */
  readonly signatures: Uint8Array;
}

export interface Preview {
  readonly tokens: number | null;
  readonly parts: readonly TextPart[];
}

/** As much of a text as a report shows. */
export const shownCharacters = 240;

/** Everything about a row that can be found out without knowing the other rows. */
export class Lane {
  private readonly rendering: Rendering | undefined;
  private readonly benchmarks: BenchmarkIndex | undefined;
  private readonly hasher: MinHasher | undefined;

  constructor(private readonly setup: LaneSetup) {
    const { tokenizer, prompt, benchmarks, stock } = setup;
    this.hasher = stock === undefined ? undefined : new MinHasher(stock);
    const rendering = tokenizer === undefined ? undefined : new Rendering(tokenizer, prompt);
    this.rendering = rendering && (prompt === 'load-qa' || rendering.hasTemplate) ? rendering : undefined;
    this.benchmarks = benchmarks === undefined ? undefined : BenchmarkIndex.over(benchmarks);
  }

  process(read: readonly SourceRow[], file: string): LaneResult {
    const signatures = new Uint8Array(this.hasher ? read.length * signatureLength : 0);
    const rows = read.map((row, index) => {
      const at = index * signatureLength;
      return this.examine(row, file, signatures.subarray(at, at + signatureLength));
    });
    return { rows, signatures };
  }

  preview(line: string): Preview {
    const { messages } = JSON.parse(line) as { messages: Message[] };
    if (!this.rendering) return { tokens: null, parts: partsByRoles(messages) };
    return { tokens: this.rendering.count(messages).tokens, parts: this.rendering.parts(messages) };
  }

  private examine(row: SourceRow, file: string, signature: Uint8Array): UsableRow | BadRow {
    const { number } = row;
    const refuse = (code: RowProblemCode, problem: string): BadRow => ({
      ok: false,
      number,
      code,
      message: `In ${row.unit} ${number} of ${file}, ${problem}.`,
    });
    const read = readConversation(row.columns, this.setup.format, this.setup.system);
    if (!read.ok) return refuse(read.refusal.code, read.refusal.problem);
    const { messages } = read.conversation;
    let counted: CountedRow | undefined;
    try {
      counted = this.rendering?.count(messages);
    } catch (error) {
      return refuse('template-refuses', `the chat template of the model refuses the conversation (${reason(error)})`);
    }
    const spoken = spokenIn(messages);
    const text = spoken.join('\n');
    this.hasher?.sign(text, signature);
    const answer = messages.at(-1)?.content ?? '';
    return {
      ok: true,
      number,
      line: JSON.stringify({ messages }),
      digest: conversationDigest(read.conversation),
      characters: messages.reduce((sum, { content }) => sum + content.length, 0),
      untrainedTurns: messages.some(({ train }) => train === false),
      counted,
      contaminated: this.contamination(spoken),
      answer: answer.slice(0, shownCharacters),
      isShortAnswer: !/\s/.test(answer.trim()),
      leaks: leaksSystemPrompt(messages),
      marks: holdsTemplateMarks(messages),
      personal: findPersonalData(text),
      language: languageOf(text),
    };
  }

  private contamination(texts: readonly string[]): UsableRow['contaminated'] {
    for (const text of this.benchmarks ? texts : []) {
      const found = this.benchmarks?.find(text);
      if (found) return { ...found, text: shown(text) };
    }
    return undefined;
  }
}

/** Where the template of the model is not known, the roles stand for it. */
function partsByRoles(messages: readonly Message[]): TextPart[] {
  return messages.flatMap(({ role, content, train }) => [
    { text: `${role}: `, trained: false },
    { text: content, trained: role === 'assistant' && train !== false },
    { text: '\n', trained: false },
  ]);
}

/** A text, shortened for a report. */
export function shown(text: string): string {
  return text.length <= shownCharacters ? text : `${text.slice(0, shownCharacters)}…`;
}

function reason(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
}

/** What user and assistant say: a system prompt is the same in many rows, and is no part of what makes them alike. */
export function spokenIn(messages: readonly Message[]): string[] {
  return messages.filter(({ role }) => role !== 'system').map(({ content }) => content);
}

/** A stored conversation as a report shows it. */
export function shownRow(line: string): string {
  const { messages } = JSON.parse(line) as { messages: Message[] };
  return shown(spokenIn(messages).join(' → '));
}
