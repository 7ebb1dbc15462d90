import { Failure, type DataReport, type RowProblemCode } from '@anneal/contracts';

const mostNamed = 5;

interface Named {
  readonly row: number;
  readonly message: string;
}

/** Rows that cannot be used: counted by what is wrong with them, the first ones named. */
export class RowProblems {
  private readonly byCode = new Map<RowProblemCode, { rows: number; first: Named[] }>();
  private readonly first: { file: string; number: number; message: string }[] = [];
  count = 0;

  /** @param at its place in the source, and its file and number there */
  add(code: RowProblemCode, message: string, at: { row: number; file: string; number: number }): void {
    this.count += 1;
    const known = this.byCode.get(code) ?? { rows: 0, first: [] };
    known.rows += 1;
    // Without the name of the file, and without the words of one version of Node: a report says the same everywhere.
    const told = message.replace(` of ${at.file}`, '').replace(/ is not JSON: .*$/s, ' is not JSON.');
    if (known.first.length < mostNamed) known.first.push({ row: at.row, message: told });
    this.byCode.set(code, known);
    if (this.first.length < mostNamed) this.first.push({ file: at.file, number: at.number, message });
  }

  clear(): void {
    this.byCode.clear();
    this.first.length = 0;
    this.count = 0;
  }

  get list(): DataReport['problems'] {
    return [...this.byCode]
      .map(([code, problem]) => ({ code, ...problem }))
      .toSorted((one, other) => other.rows - one.rows || (one.code < other.code ? -1 : 1));
  }

  /**
   * @param most below 1 a share of all rows, else a number of rows
   * @returns Failure DATASET_ROW_INVALID that names the first rows, when there are more
   */
  moreThan(most: number, rows: number): Failure | undefined {
    const allowed = most < 1 ? Math.floor(most * rows) : most;
    const [first] = this.first;
    if (this.count <= allowed || !first) return undefined;
    const others = this.first.slice(1).map(({ message }) => message);
    const more = others.length === 0 ? '' : ` Others: ${others.join(' ')}`;
    return new Failure(
      'DATASET_ROW_INVALID',
      `${first.message} So ${this.count} of ${rows} rows cannot be used, where dataset.mostBadRows allows ${allowed}.${more}`,
      {
        remedy: 'Correct or remove these rows, or raise dataset.mostBadRows to have them dropped.',
        file: first.file,
        row: first.number,
      },
    );
  }
}
