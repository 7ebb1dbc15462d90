import type { Score } from '../scoring/outcome.js';

export interface Message {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** What a model is asked: a conversation for its chat template, or a text to be continued as it is. */
export type Prompt = { readonly messages: readonly Message[] } | { readonly prompt: string };

/** One question of a benchmark. */
export interface Item {
  /** Unique within its benchmark. */
  readonly id: string;
  readonly prompt: Prompt;
  readonly expected: string;
}

/** A benchmark that is ready to be asked. Base and tuned get the same one. */
export interface Questions {
  /** In the order of the source; never empty. */
  readonly items: readonly Item[];
  /** Tokens an answer may have. */
  readonly answerTokens: number;
  /** Texts that end an answer; they are no part of it. */
  readonly stop: readonly string[];
  readonly score: Score;
  /** The letter that was found in an answer, and how, where one is looked for. */
  readonly read?: (answer: string) => { readonly letter: string | null; readonly step: number };
  /** What somebody needs to know to measure the same again; it stands in the report. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** What a benchmark may need from around it. */
export interface BenchmarkContext {
  /** Field of the RunSpec that holds the benchmark, for messages: evaluation.benchmarks.N. */
  readonly field: string;
  /** Folders below which files may be read. */
  readonly fileRoots: readonly string[];
  /** Folder with train.jsonl and held-out.jsonl, once the dataset is prepared. */
  readonly dataset: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * A benchmark: turns its part of the RunSpec into questions. Called once for base and once for tuned, possibly days apart
 * and on other machines; it has to give the same questions each time.
 *
 * @throws Failure BENCHMARK_INVALID, naming file and row
 */
export type Benchmark<Spec> = (spec: Spec, context: BenchmarkContext) => Promise<Questions>;
