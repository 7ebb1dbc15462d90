import { hash } from 'node:crypto';
import type { RowProblemCode } from '@anneal/contracts';
import {
  conversationsOf,
  isPair,
  promptDigest,
  readTrainingRow,
  rowDigest,
  usesTools,
  type Conversation,
  type DataFormat,
  type SourceRow,
  type TrainingRow,
} from '@anneal/rows';
import { languageOf } from '../checks/language.js';
import { isOneWord } from '../checks/one-word.js';
import { holdsTemplateMarks, leaksSystemPrompt } from '../checks/leaks.js';
import { findPersonalData, type PersonalData } from '../checks/personal-data.js';
import { BenchmarkIndex, type ContaminatedText, type SharedBenchmarkIndex } from '../contamination/benchmark.index.js';
import { MinHasher, signatureLength } from '../duplicates/min-hash.js';
import { Rendering, type CountedRow, type TextPart } from '../tokens/rendering.js';
import { linedRow, storedLine } from '../stored/stored.line.js';
import { DroppedByTemplate } from '../tokens/template.diff.js';
import type { TokenizerFiles } from '../tokens/tokenizer.files.js';
import { RowWords } from '../words/row.words.js';
import { toColumns, type RowColumns } from './row.columns.js';

/** What every lane of a preparation needs to know. Plain data: it goes to other threads. */
export interface LaneSetup {
  readonly format: DataFormat;
  readonly system: string | undefined;
  readonly prompt: Rendering['prompt'];
  readonly tokenizer: TokenizerFiles | undefined;
  readonly sequenceLength: number;
  readonly benchmarks: SharedBenchmarkIndex | undefined;
  /** Shingles that say nothing about a row; nothing when near duplicates are not looked for. */
  readonly stock: Int32Array | undefined;
}

export interface UsableRow extends PersonalData {
  readonly number: number;
  /** The row as it is stored. */
  readonly line: string;
  readonly digest: string;
  /** Of what was asked, when the row is one of several pairs that may have been. */
  readonly group: string | undefined;
  /** Of the longer conversation, where it is a pair. */
  readonly characters: number;
  readonly untrainedTurns: boolean;
  /** Whether its answer can be asked for, as a benchmark does. */
  readonly canBeAsked: boolean;
  readonly usesTools: boolean;
  readonly counted: CountedRow | undefined;
  /** With the place of the text among those that the row says. */
  readonly contaminated: (ContaminatedText & { readonly place: number }) | undefined;
  /** Tells answers apart, however long what they begin with is. */
  readonly answerDigest: string;
  readonly isShortAnswer: boolean;
  readonly leaks: boolean;
  readonly marks: boolean;
  readonly language: string;
}

export interface BadRow {
  readonly number: number;
  readonly code: RowProblemCode;
  /** A sentence that names row and file. */
  readonly message: string;
}

export interface LaneResult {
  readonly usable: RowColumns<UsableRow>;
  readonly bad: readonly BadRow[];
  /** Of the usable rows, one after the other; empty when none are made. */
  readonly signatures: Uint8Array;
}

export interface Preview {
  readonly tokens: number | null;
  readonly parts: readonly TextPart[];
  /** Of a pair: the parts with the rejected answer. */
  readonly rejected?: readonly TextPart[];
}

/** What a report says about the tokenizer and the template of the base model. */
export type RenderingFacts = Pick<Rendering, 'prompt' | 'hasTemplate' | 'endOfTurn' | 'specialTokens'>;

/** As much of a text as a report shows. */
const shownCharacters = 240;
/** As much of it before what it is shown for. */
const shownBefore = 40;

/** Everything about a row that can be found out without knowing the other rows. */
export class Lane {
  /** Nothing where the tokenizer is not at hand or cannot be read. */
  readonly facts: RenderingFacts | undefined;
  private readonly rendering: Rendering | undefined;
  private readonly benchmarks: BenchmarkIndex | undefined;
  private readonly hasher: MinHasher | undefined;
  private readonly words = new RowWords();

  constructor(private readonly setup: LaneSetup) {
    const { tokenizer, prompt, benchmarks, stock } = setup;
    this.hasher = stock === undefined ? undefined : new MinHasher(stock);
    const rendering = Rendering.open(tokenizer, prompt);
    this.facts = rendering && factsOf(rendering);
    this.rendering = rendering && (prompt !== 'chat' || rendering.hasTemplate) ? rendering : undefined;
    this.benchmarks = benchmarks === undefined ? undefined : BenchmarkIndex.over(benchmarks);
  }

  process(read: readonly SourceRow[], file: string): LaneResult {
    const signatures = new Uint8Array(this.hasher ? read.length * signatureLength : 0);
    const usable: UsableRow[] = [];
    const bad: BadRow[] = [];
    for (const row of read) {
      const at = usable.length * signatureLength;
      const examined = this.examine(row, file, signatures.subarray(at, at + signatureLength));
      if ('code' in examined) bad.push(examined);
      else usable.push(examined);
    }
    return { usable: toColumns(usable), bad, signatures };
  }

  preview(line: string): Preview {
    const row = linedRow(line);
    const [parts = [], rejected] = conversationsOf(row).map(
      (conversation) => this.rendering?.parts(conversation) ?? partsByRoles(conversation),
    );
    return { tokens: this.count(row)?.tokens ?? null, parts, ...(rejected ? { rejected } : {}) };
  }

  private examine(row: SourceRow, file: string, signature: Uint8Array): UsableRow | BadRow {
    const { number } = row;
    const refuse = (code: RowProblemCode, problem: string): BadRow => ({
      number,
      code,
      message: `In ${row.unit} ${number} of ${file}, ${problem}.`,
    });
    const read = readTrainingRow(row.columns, this.setup.format, this.setup.system);
    if (!read.ok) return refuse(read.refusal.code, read.refusal.problem);
    const trained = read.row;
    const withTools = !isPair(trained) && usesTools(trained);
    const misfit = this.misfit(trained, withTools);
    if (misfit !== undefined) return refuse('unsupported', misfit);
    let counted: CountedRow | undefined;
    try {
      counted = this.count(trained);
    } catch (error) {
      if (error instanceof DroppedByTemplate)
        return refuse('template-drops', `the chat template of the model leaves out ${error.message}`);
      return refuse('template-refuses', `the chat template of the model refuses the conversation (${reason(error)})`);
    }
    const conversations = conversationsOf(trained);
    const isPlain = !isPair(trained) && trained.plain === true;
    const spoken = spokenIn(trained);
    const text = spoken.join('\n');
    const contaminated = this.readWords(spoken);
    this.hasher?.sign(this.words.tokens, signature);
    const answer = isPair(trained) ? trained.chosen : (trained.messages.at(-1)?.content ?? '');
    return {
      number,
      line: storedLine(trained),
      digest: rowDigest(trained),
      group: isPair(trained) ? promptDigest(trained) : undefined,
      // What tools are and do is text, too, and how long it is only the template knows.
      characters: Math.max(...conversations.map(charactersOf), withTools ? (counted?.tokens ?? 0) : 0),
      untrainedTurns: trained.messages.some(({ train }) => train === false),
      canBeAsked: !withTools && !isPlain,
      usesTools: withTools,
      counted,
      contaminated,
      answerDigest: hash('sha256', answer, 'base64'),
      isShortAnswer: !isPlain && isOneWord(answer),
      leaks: conversations.some(({ messages }) => leaksSystemPrompt(messages)),
      marks: conversations.some(({ messages }) => holdsTemplateMarks(messages)),
      ...findPersonalData(text),
      language: languageOf(text),
    };
  }

  private count(row: TrainingRow): CountedRow | undefined {
    if (!this.rendering) return undefined;
    return isPair(row) ? this.rendering.countPair(row) : this.rendering.count(row, this.setup.sequenceLength);
  }

  /** Why the prompt of the request has no place for a row. */
  private misfit(row: TrainingRow, withTools: boolean): string | undefined {
    const { prompt } = this.setup;
    const [{ messages } = row] = conversationsOf(row);
    if (withTools && prompt === 'load-qa') return 'it uses tools, for which load-qa has no place';
    if (withTools && !this.rendering)
      return 'it uses tools, and without the chat template of the base model nobody knows whether the model would see them';
    const turns = messages[0]?.role === 'system' ? messages.length - 1 : messages.length;
    if (prompt === 'load-qa' && turns !== 2)
      return 'it is not one question with one answer, which is all that load-qa has';
    return undefined;
  }

  /** Reads the words of a row, and gives the first of its texts that holds a question of a benchmark. */
  private readWords(texts: readonly string[]): UsableRow['contaminated'] {
    let contaminated: UsableRow['contaminated'];
    let place = 0;
    this.words.read(texts, (words) => {
      const found = contaminated ? undefined : this.benchmarks?.find(words);
      if (found) contaminated = { ...found, place };
      place += 1;
    });
    return contaminated;
  }
}

/** Where the template of the model is not known, the roles stand for it. */
function partsByRoles({ messages, plain }: Conversation): TextPart[] {
  if (plain) return messages.map(({ content }) => ({ text: content, trained: true }));
  return messages.flatMap(({ role, content, train }) => [
    { text: `${role}: `, trained: false },
    { text: content, trained: role === 'assistant' && train !== false },
    { text: '\n', trained: false },
  ]);
}

function factsOf({ prompt, hasTemplate, endOfTurn, specialTokens }: Rendering): RenderingFacts {
  return { prompt, hasTemplate, endOfTurn, specialTokens };
}

function charactersOf({ messages }: Conversation): number {
  return messages.reduce((sum, { content }) => sum + content.length, 0);
}

/**
 * A text, shortened for a report.
 *
 * @param about where that stands which it is shown for
 */
export function shown(text: string, about = 0): string {
  const start = about > shownBefore ? about - shownBefore : 0;
  const end = start + shownCharacters;
  // A cut may fall into the middle of a character.
  const part = text.slice(start, end).toWellFormed();
  return `${start > 0 ? '…' : ''}${part}${end < text.length ? '…' : ''}`;
}

function reason(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
}

/** What user and assistant say: a system prompt is the same in many rows, and is no part of what makes them alike. */
export function spokenIn(row: TrainingRow): string[] {
  const spoken = row.messages.filter(({ role }) => role !== 'system').map(({ content }) => content);
  return isPair(row) ? [...spoken, row.chosen, row.rejected] : spoken;
}

/** A stored row as a report shows it. */
export function shownRow(line: string): string {
  return shown(spokenIn(linedRow(line)).join(' → '));
}
