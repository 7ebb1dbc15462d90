import { Failure, type DataReport, type RowProblemCode } from '@anneal/contracts';

const mostNamed = 5;

/** What would make such rows usable. */
const remedies: Readonly<Record<RowProblemCode, string>> = {
  'not-json': 'Write each row as one JSON object.',
  'not-utf-8': 'Save the file as UTF-8.',
  'duplicate-key': 'Name each key of an object once.',
  'too-large': 'Write the parts of such a row as rows of their own.',
  unreadable:
    'Put quotes around fields that hold the separator, a quote or a line end, and write a quote inside twice.',
  'wrong-type':
    'Write numbers as text and conversations as lists of messages, or name other columns in dataset.columns.',
  'wrong-role': 'Let a user ask and an assistant answer, in roles of these names.',
  empty: 'Fill in what is empty, or name another column in dataset.columns.',
  'answer-missing': 'Let every row end with an answer, or name the column of the answers in dataset.columns.',
  'chosen-missing': 'Give every pair a chosen and a rejected answer.',
  'rejected-missing': 'Give every pair a chosen and a rejected answer.',
  'answers-equal': 'Give every pair two different answers.',
  'prompts-differ': 'Let both conversations of a pair begin alike.',
  'duplicate-turn': 'Write each message once.',
  'over-long': 'Raise training.sequenceLength, or shorten such rows.',
  'template-refuses': 'Take another base model, or leave out what its template refuses.',
  'template-drops': 'Take a base model whose chat template shows tools.',
  unsupported: 'Leave out what cannot be trained.',
};

/** Where a row is. */
export interface RowPlace {
  /** Place in the source. */
  readonly row: number;
  readonly file: string;
  /** Left out where the source is one file. */
  readonly fileNumber: number | undefined;
  /** Place in the file. */
  readonly number: number;
}

interface Named extends RowPlace {
  readonly message: string;
}

interface Kind {
  rows: number;
  /** In their order, whichever order they were found in: a file is read ahead of what is looked at in other threads. */
  readonly first: Named[];
}

/** Rows that cannot be used: counted by what is wrong with them, the first ones named. */
export class RowProblems {
  private readonly byCode = new Map<RowProblemCode, Kind>();
  count = 0;

  add(code: RowProblemCode, message: string, at: RowPlace): void {
    this.count += 1;
    const known = this.byCode.get(code) ?? { rows: 0, first: [] };
    known.rows += 1;
    const place = known.first.findIndex(({ row }) => row > at.row);
    known.first.splice(place < 0 ? known.first.length : place, 0, { ...at, message });
    if (known.first.length > mostNamed) known.first.pop();
    this.byCode.set(code, known);
  }

  clear(): void {
    this.byCode.clear();
    this.count = 0;
  }

  get list(): DataReport['problems'] {
    return this.kinds.map(([code, { rows, first }]) => ({
      code,
      rows,
      first: first.map((named) => ({ row: named.row, message: withoutName(named) })),
    }));
  }

  /**
   * @param most below 1 a share of all rows, else a number of rows
   * @returns Failure DATASET_ROW_INVALID that names the first row of each kind, when there are more
   */
  moreThan(most: number, rows: number): Failure | undefined {
    const allowed = most < 1 ? Math.floor(most * rows) : most;
    const [first, ...others] = this.kinds
      .flatMap(([code, kind]) => kind.first.slice(0, 1).map((named) => ({ code, ...named })))
      .toSorted((one, other) => one.row - other.row);
    if (this.count <= allowed || !first) return undefined;
    const more = others.length === 0 ? '' : ` Others: ${others.map(({ message }) => message).join(' ')}`;
    return new Failure(
      'DATASET_ROW_INVALID',
      `${first.message} So ${this.count} of ${rows} rows cannot be used, where dataset.mostBadRows allows ${allowed} (${this.tell()}).${more}`,
      {
        remedy: `${remedies[first.code]} Or raise dataset.mostBadRows to have such rows dropped.`,
        file: first.file,
        row: first.number,
      },
    );
  }

  /** How many there are of each kind. */
  tell(): string {
    return this.kinds.map(([code, { rows }]) => `${code} ${rows}`).join(', ');
  }

  /** The most frequent ones first. */
  private get kinds(): [RowProblemCode, Kind][] {
    return [...this.byCode].toSorted(
      ([code, one], [otherCode, other]) => other.rows - one.rows || (code < otherCode ? -1 : 1),
    );
  }
}

/** With the number of the file for its name, and without the words of one version of Node: a report says the same everywhere. */
function withoutName({ message, file, fileNumber }: Named): string {
  const place = fileNumber === undefined ? '' : ` of file ${fileNumber}`;
  return message.replace(` of ${file}`, place).replace(/ is not JSON: .*$/s, ' is not JSON.');
}
