import { Failure, type FailureDetail, type RowProblemCode } from '@anneal/contracts';

type More = Pick<FailureDetail, 'remedy' | 'file' | 'row'> & { readonly cause?: unknown };

/** A row that cannot be read, after which reading can go on. */
export class UnreadableRow extends Failure {
  constructor(
    readonly problem: RowProblemCode,
    message: string,
    more: More,
  ) {
    super('DATASET_ROW_INVALID', message, more);
  }
}
