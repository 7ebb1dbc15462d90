import type { DescribedTask } from '../harness/described-task.js';
import type { InstalledHarness } from '../harness/installed-harness.js';
import type { Score } from '../scoring/outcome.js';
import type { Scoring } from '../scoring/score.js';

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
  /** Part of the benchmark that the question belongs to. */
  readonly subject?: string;
  /** How many options there are to choose from. */
  readonly options?: number;
  /** The same question with fewer examples before it: `withFittingShots` chooses how many. */
  readonly withShots?: (shots: number) => Prompt;
  /** Over all that is asked, where that is more than the prompt. */
  readonly digest?: string;
}

/** A task that lm-eval puts to a model, or a group of them, and scores, by itself. */
export interface HarnessTask {
  readonly described: DescribedTask;
  /** Which of its metrics counts; one that says right or wrong when left out. */
  readonly metric: string | undefined;
}

/** Subjects that are summed up, by the rule of whoever made the benchmark. */
export interface SubjectGroup {
  readonly name: string;
  readonly subjects: readonly string[];
  /** Whether each item counts once, or else each subject. */
  readonly weighted: boolean;
}

/** A benchmark that is ready to be asked. Base and tuned get the same one. */
export interface Questions {
  /** In the order of the source; never empty. */
  readonly items: readonly Item[];
  /** How many there are in all, when only a sample is asked. */
  readonly sampledFrom?: number;
  /** Tokens an answer may have. */
  readonly answerTokens: number;
  /** Texts that end an answer; they are no part of it. */
  readonly stop: readonly string[];
  readonly score: Score;
  /** Examples before each question, where `Item.withShots` can give fewer. */
  readonly shots?: number;
  /** How much of the expected answer is there, from 0 to 1, where an answer can be right in part. */
  readonly partial?: Scoring['partial'];
  /** The letter that was found in an answer, and how, where one is looked for. */
  readonly read?: Scoring['read'];
  readonly groups?: readonly SubjectGroup[];
  /** Set when lm-eval asks and scores; nobody else does then. */
  readonly task?: HarnessTask;
  /** What somebody needs to know to measure the same again; it stands in the report. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** A dataset of the Hub that was brought here. */
export interface FetchedDataset {
  readonly directory: string;
  /** Which its revision was at that moment: a branch moves. */
  readonly commit: string;
}

/** What a benchmark may need from around it. */
export interface BenchmarkContext {
  /** Field of the RunSpec that holds the benchmark, for messages: evaluation.benchmarks.N. */
  readonly field: string;
  /** Folders below which files may be read. */
  readonly fileRoots: readonly string[];
  /** Folder with train.parquet and held-out.jsonl, once the dataset is prepared. */
  readonly dataset: string | undefined;
  /** Brings a dataset of the Hub here, in one revision of it. */
  readonly fetchDataset?: (repository: string, revision: string, signal: AbortSignal) => Promise<FetchedDataset>;
  /** Brings a stored artifact here, and says in which folder its files lie. */
  readonly fetchArtifact?: (digest: string, signal: AbortSignal) => Promise<string>;
  /** lm-eval, where it is installed. */
  readonly harness?: InstalledHarness | undefined;
  readonly signal: AbortSignal;
}

/**
 * A benchmark: turns its part of the RunSpec into questions. Called once for base and once for tuned, possibly days apart
 * and on other machines; it has to give the same questions each time.
 *
 * @throws Failure BENCHMARK_INVALID, naming file and row
 */
export type Benchmark<Spec> = (spec: Spec, context: BenchmarkContext) => Promise<Questions>;
