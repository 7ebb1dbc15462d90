import type { ContaminationMatch, DataReport, TokenReport } from '@anneal/contracts';
import type { BenchmarkText } from '../contamination/benchmark.index.js';
import { sharedRun } from '../contamination/shared.words.js';
import { linedRow } from '../stored/stored.line.js';
import { shown, shownRow, spokenIn, type UsableRow } from './lane.js';
import { NumberList } from './number.list.js';
import { RowProblems } from './row.problems.js';
import { RowTallies } from './row.tallies.js';

const mostExamples = 5;
const mostMatches = 100;
const previewRows = 10;
/** Rows that differ in letters only, or in signs that no shingle counts, are estimated at 1, which is said of exact duplicates. */
const mostSimilar = 0.99;

/** Everything that is written down about a set while its rows go by. */
export class SetBooks {
  readonly problems = new RowProblems();
  readonly tallies = new RowTallies();
  /** Rows of the source, whatever becomes of them. */
  read = 0;
  exact = 0;
  near = 0;
  /** Rows above the sequence length. */
  over = 0;
  flagged = 0;
  removed = 0;
  /** Rows that are held out from another source, too. */
  heldElsewhere = 0;
  characters = 0;
  longest = 0;
  tokens = 0;
  trainedTokens = 0;
  /** Of preference pairs, all rows together. */
  pairTokens: TokenReport['pairs'];
  /** Pieces of the sequence length into which the rows are cut; as many as there are rows where none is cut. */
  sequences = 0;
  /** Tokens of each row of train.parquet, in its order. */
  readonly tokensOfRows = new NumberList();
  /** Places in the source of the rows of train.parquet, in its order. */
  readonly trainNumbers = new NumberList();
  readonly examples: DataReport['duplicates']['examples'] = [];
  readonly matches: ContaminationMatch[] = [];
  readonly previews: UsableRow[] = [];

  /** A row that stays, for training or to be held out. */
  kept(row: UsableRow): void {
    this.tallies.add(row);
    if (this.previews.length < previewRows) this.previews.push(row);
  }

  /** @param wordsOfRun words running that a row and a question share at least */
  constructor(
    private readonly sequenceLength: number,
    private readonly wordsOfRun: number,
  ) {}

  trained({ number, characters, counted }: UsableRow): void {
    this.trainNumbers.push(number);
    this.characters += characters;
    this.longest = Math.max(this.longest, characters);
    if (!counted) return;
    this.tokensOfRows.push(counted.tokens);
    this.trainedTokens += counted.trained;
    this.sequences += Math.max(1, Math.ceil(counted.tokens / this.sequenceLength));
    if (!counted.pair) {
      this.tokens += counted.tokens;
      return;
    }
    const { prompt, chosen, rejected } = counted.pair;
    this.tokens += 2 * prompt + chosen + rejected;
    this.pairTokens ??= { prompt: 0, chosen: 0, rejected: 0 };
    this.pairTokens.prompt += prompt;
    this.pairTokens.chosen += chosen;
    this.pairTokens.rejected += rejected;
  }

  /** @param of the earlier row */
  exactDuplicate(row: UsableRow, of: number): void {
    this.exact += 1;
    if (this.exact <= mostExamples) this.example(row, of, 1);
  }

  nearDuplicate(row: UsableRow, of: number, similarity: number): void {
    this.near += 1;
    if (this.near <= mostExamples) this.example(row, of, Math.min(similarity, mostSimilar));
  }

  contaminated(row: UsableRow, found: NonNullable<UsableRow['contaminated']>, question: BenchmarkText): void {
    this.flagged += 1;
    if (this.matches.length >= mostMatches) return;
    const { benchmark, item, text: asked } = question;
    const { by, place } = found;
    const said = spokenIn(linedRow(row.line))[place] ?? '';
    const shared = by === 'same-text' ? undefined : sharedRun(said, asked, this.wordsOfRun);
    const [text, shownQuestion] = [shown(said, shared?.text), shown(asked, shared?.other)];
    this.matches.push({ row: row.number, benchmark, item, by, text, question: shownQuestion });
  }

  private example(row: UsableRow, of: number, similarity: number): void {
    const text = shownRow(row.line);
    // The earlier text is looked up at the end; of an exact duplicate it is the same one.
    this.examples.push({ row: row.number, of, similarity: Math.round(similarity * 1000) / 1000, text, ofText: text });
  }
}
