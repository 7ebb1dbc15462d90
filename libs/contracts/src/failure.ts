import { z } from 'zod';

/**
 * Every way in which a run, a stage or a command can fail. The set is closed: a foreign failure is mapped onto it in one
 * exhaustive place per stage. `retryable` says whether the same work may succeed when it is simply tried again, `outage`
 * that something the work needs is away, for which the work itself cannot be blamed.
 */
export const failureCodes = {
  SPEC_INVALID: { retryable: false },
  SPEC_UNSUPPORTED: { retryable: false },
  DATASET_NOT_FOUND: { retryable: false },
  DATASET_GATED: { retryable: false },
  DATASET_UNREADABLE: { retryable: false },
  DATASET_CHANGED: { retryable: true },
  DATASET_TOO_LARGE: { retryable: false },
  DATASET_EMPTY: { retryable: false },
  DATASET_COLUMN_MISSING: { retryable: false },
  DATASET_ROW_INVALID: { retryable: false },
  SOURCE_REFUSED: { retryable: false },
  SOURCE_OFFLINE: { retryable: false },
  SOURCE_UNAVAILABLE: { retryable: true },
  MODEL_NOT_FOUND: { retryable: false },
  MODEL_INVALID: { retryable: false },
  MODEL_GATED: { retryable: false },
  BAD_CONFIG: { retryable: false },
  BAD_DATA: { retryable: false },
  DOES_NOT_FIT: { retryable: false },
  GPU_OUT_OF_MEMORY: { retryable: false },
  HOST_OUT_OF_MEMORY: { retryable: false },
  LOSS_NOT_FINITE: { retryable: false },
  LOSS_EXPLODED: { retryable: false },
  NCCL_TIMEOUT: { retryable: true },
  STALLED: { retryable: true },
  KILLED: { retryable: true },
  RUN_TIME_EXCEEDED: { retryable: false },
  ENGINE_MISSING: { retryable: false },
  ENGINE_BUG: { retryable: false },
  MERGE_MISMATCH: { retryable: false },
  BENCHMARK_INVALID: { retryable: false },
  PUBLISH_REFUSED: { retryable: false },
  PUBLISH_CONFLICT: { retryable: true },
  SECRET_MISSING: { retryable: false },
  ARTIFACT_MISSING: { retryable: false },
  ARTIFACT_CORRUPT: { retryable: true },
  STORE_UNAVAILABLE: { retryable: true, outage: true },
  BROKER_UNAVAILABLE: { retryable: true, outage: true },
  DATABASE_UNAVAILABLE: { retryable: true, outage: true },
  HUB_UNAVAILABLE: { retryable: true, outage: true },
  INFERENCE_UNAVAILABLE: { retryable: true },
  CLUSTER_UNAVAILABLE: { retryable: true, outage: true },
  CLUSTER_REFUSED: { retryable: false },
  LEASE_LOST: { retryable: true },
  DISK_FULL: { retryable: false },
  ATTEMPTS_EXHAUSTED: { retryable: false },
  RUN_NOT_FOUND: { retryable: false },
  RUN_CONFLICT: { retryable: false },
  DEAD_LETTER_NOT_FOUND: { retryable: false },
  UNAUTHORIZED: { retryable: false },
  FORBIDDEN: { retryable: false },
  RATE_LIMITED: { retryable: true },
  REQUEST_INVALID: { retryable: false },
  REQUEST_TOO_LARGE: { retryable: false },
  MEDIA_TYPE_UNSUPPORTED: { retryable: false },
  ROUTE_NOT_FOUND: { retryable: false },
  FILE_NOT_FOUND: { retryable: false },
  UPLOAD_NOT_FOUND: { retryable: false },
  KEY_NOT_FOUND: { retryable: false },
  WEBHOOK_NOT_FOUND: { retryable: false },
  STATE_CONFLICT: { retryable: false },
  CONFIG_INVALID: { retryable: false },
  SETUP_PYTHON_MISSING: { retryable: false },
  SETUP_NETWORK: { retryable: true },
  PORT_TAKEN: { retryable: false },
  DATA_FOLDER_IN_USE: { retryable: false },
  DATA_FOLDER_OLD: { retryable: false },
  SERVER_START_FAILED: { retryable: true },
  NOT_RUNNING: { retryable: false },
  INTERNAL: { retryable: true },
} as const satisfies Record<string, { retryable: boolean; outage?: true }>;

export type FailureCode = keyof typeof failureCodes;

export const failureCode = z.enum(Object.keys(failureCodes) as [FailureCode, ...FailureCode[]]);

/** A code that only the next version knows must not keep this one from reading that something failed. */
const readCode = z.preprocess(
  (code) => (typeof code === 'string' && !Object.hasOwn(failureCodes, code) ? 'INTERNAL' : code),
  failureCode,
);

/** A failure as it travels in events, rows and answers: what happened, and what to do next. */
export const failureDetail = z
  .object({
    code: readCode,
    message: z.string().describe('What happened, one sentence.'),
    remedy: z.string().describe('What the reader can do next, one sentence.'),
    retryable: z.boolean().describe('Whether the same work may succeed when it is tried again.'),
    field: z.string().optional().describe('The field of the RunSpec at fault, dotted.'),
    file: z.string().optional().describe('The file at fault.'),
    row: z.int().optional().describe('The row at fault, counted from 1.'),
  })
  .meta({ id: 'FailureDetail' });
export type FailureDetail = z.infer<typeof failureDetail>;

export interface FailureOptions {
  remedy: string;
  retryable?: boolean;
  field?: string;
  file?: string;
  row?: number;
  cause?: unknown;
}

/** The one error class that crosses a boundary: a code of the closed set, a sentence, and the next step. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly remedy: string;
  readonly retryable: boolean;
  readonly field: string | undefined;
  readonly file: string | undefined;
  readonly row: number | undefined;

  constructor(
    readonly code: FailureCode,
    message: string,
    options: FailureOptions,
  ) {
    super(message, { cause: options.cause });
    this.remedy = options.remedy;
    this.retryable = options.retryable ?? failureCodes[code].retryable;
    this.field = options.field;
    this.file = options.file;
    this.row = options.row;
  }

  /** Whether something that the work needs is away: such a failure uses up no attempt. */
  get isOutage(): boolean {
    return this.retryable && 'outage' in failureCodes[this.code];
  }

  /** The failure as plain data, ready for an event, a row or an HTTP answer. */
  toDetail(): FailureDetail {
    return {
      code: this.code,
      message: carriable(this.message),
      remedy: carriable(this.remedy),
      retryable: this.retryable,
      ...(this.field === undefined ? {} : { field: carriable(this.field) }),
      ...(this.file === undefined ? {} : { file: carriable(this.file) }),
      ...(this.row === undefined ? {} : { row: this.row }),
    };
  }

  static fromDetail(detail: FailureDetail): Failure {
    const { code, message, ...options } = detail;
    return new Failure(code, message, options);
  }
}

const longestText = 4_000;

/**
 * Messages quote what users and foreign programs wrote. PostgreSQL stores neither NUL nor half a surrogate pair, and an
 * event has a size limit: a failure that cannot be told would leave its run hanging.
 */
function carriable(text: string): string {
  const short = text.length > longestText ? `${text.slice(0, longestText)} ...` : text;
  return short.replaceAll('\0', '\uFFFD').toWellFormed();
}
