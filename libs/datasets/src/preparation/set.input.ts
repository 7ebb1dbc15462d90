import type { AcceptedRunSpec } from '@anneal/contracts';
import type { BenchmarkText } from '../contamination/benchmark.index.js';
import type { StagedSource } from '../sources/source.js';
import type { TokenizerFiles } from '../tokens/tokenizer.files.js';

/** What becomes of the rows, as far as the request says it. */
export type DataWishes = Pick<
  AcceptedRunSpec['dataset'],
  'columns' | 'system' | 'limit' | 'mostBadRows' | 'nearDuplicates' | 'decontamination' | 'decontaminationWords'
>;

/** What of the training decides how a row looks and how many steps there are. */
export type TrainingWishes = Pick<
  AcceptedRunSpec['training'],
  'objective' | 'prompt' | 'sequenceLength' | 'epochs' | 'maxSteps' | 'microBatch' | 'gradientAccumulation' | 'gpus'
>;

/** All that decides what a set is. Plain data: it goes to another thread. */
export interface SetInput {
  readonly source: StagedSource;
  readonly dataset: DataWishes;
  readonly training: TrainingWishes;
  /** Share of the rows that is held out. */
  readonly heldOut: number;
  /** A source of which every row is held out, and none is trained on. */
  readonly heldOutFrom?: StagedSource | undefined;
  /** Of the base model; without it no tokens are counted. */
  readonly tokenizer: TokenizerFiles | undefined;
  /** The questions that will judge the run. */
  readonly benchmarks: readonly BenchmarkText[];
  /** Benchmarks whose questions could not be read. */
  readonly uncheckedBenchmarks: readonly { readonly benchmark: string; readonly reason: string }[];
}

export interface SetOptions {
  /** A folder that does not hold a set yet. */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly onRows?: (rows: number) => void;
}
