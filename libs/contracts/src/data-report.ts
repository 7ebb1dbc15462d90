import { z } from 'zod';
import { failureDetail } from './failure.js';

/** What can be wrong with a row, so that it is dropped. */
export const rowProblemCodes = [
  'not-json',
  'not-utf-8',
  'duplicate-key',
  'too-large',
  'unreadable',
  'wrong-type',
  'wrong-role',
  'empty',
  'answer-missing',
  'chosen-missing',
  'rejected-missing',
  'answers-equal',
  'prompts-differ',
  'duplicate-turn',
  'over-long',
  'template-refuses',
  'template-drops',
  'unsupported',
] as const;
export const rowProblemCode = z.enum(rowProblemCodes);
export type RowProblemCode = z.infer<typeof rowProblemCode>;

/** What may spoil a run without making a row unusable. */
export const dataWarningCodes = [
  'no-tokenizer',
  'no-chat-template',
  'no-end-of-turn',
  'benchmark-unchecked',
  'rows-dropped',
  'contaminated',
  'identical-answers',
  'short-answers',
  'leaked-system-prompt',
  'template-tokens-in-text',
  'validation-in-training',
  'personal-data',
  'mixed-languages',
] as const;
const dataWarning = z.object({
  code: z.enum(dataWarningCodes),
  message: z.string(),
  rows: z.int().describe('How many rows it is about.'),
});
export type DataWarning = z.infer<typeof dataWarning>;

const rowNumber = z.int().min(1).describe('Counted from 1 over all files of the source; lines of a text file.');

const duplicateExample = z.object({
  row: rowNumber,
  of: rowNumber.describe('The earlier row, which stays.'),
  similarity: z.number().min(0).max(1).describe('Estimated by MinHash; 1 for an exact duplicate.'),
  text: z.string().describe('Shortened.'),
  ofText: z.string().describe('Shortened.'),
});

const contaminationMatch = z.object({
  row: rowNumber,
  benchmark: z.string(),
  item: z.string().describe('Id of the question.'),
  by: z.enum(['same-text', 'shared-words']),
  text: z.string().describe('What stands in the row, shortened.'),
  question: z.string().describe('What the benchmark asks, shortened.'),
});
export type ContaminationMatch = z.infer<typeof contaminationMatch>;

const tokenReport = z.object({
  tokenizer: z.string().describe('SHA-256 of the tokenizer and of the chat template.'),
  total: z.int().describe('Of both conversations where a row is a pair.'),
  trained: z.int().describe('Tokens that the loss is computed on.'),
  pairs: z
    .object({ prompt: z.int(), chosen: z.int(), rejected: z.int() })
    .optional()
    .describe('Of preference pairs, all rows together; the percentiles are of the longer conversation of each.'),
  mean: z.number(),
  percentiles: z.object({ p50: z.int(), p90: z.int(), p95: z.int(), p99: z.int(), max: z.int() }),
  histogram: z
    .array(z.object({ upTo: z.int(), rows: z.int() }))
    .describe('Rows of at most so many tokens, and of more than the step before.'),
  sequenceLength: z.int(),
  over: z.int().describe('Rows above the sequence length; they are dropped.'),
  sequences: z.int().optional().describe('Pieces into which plain text is cut at the sequence length.'),
  batch: z.int().describe('Rows of an optimizer step, as far as the request settles it.'),
  stepsPerEpoch: z.int(),
  steps: z.int(),
});
export type TokenReport = z.infer<typeof tokenReport>;

const previewRow = z.object({
  row: rowNumber,
  tokens: z.int().nullable(),
  parts: z
    .array(z.object({ text: z.string(), trained: z.boolean() }))
    .describe('The text as the model sees it, in order; by roles when its template is not at hand.'),
  rejected: z
    .array(z.object({ text: z.string(), trained: z.boolean() }))
    .optional()
    .describe('Of a preference pair: the same with the rejected answer; parts has the chosen one.'),
});
export type PreviewRow = z.infer<typeof previewRow>;

/** Everything worth knowing about a set before a GPU is taken. It says the same on every machine. */
export const dataReport = z
  .object({
    version: z.literal(1),
    format: z.object({
      name: z.enum(['chat', 'sharegpt', 'question-answer', 'alpaca', 'text', 'preference', 'openai-preference']),
      columns: z.record(z.string(), z.string()),
    }),
    rows: z.int().describe('Rows that were read.'),
    train: z.int().describe('Rows to train on.'),
    heldOut: z.int(),
    fromElsewhere: z.int().describe('How many of the held-out rows come from dataset.heldOutFrom.'),
    dropped: z.int().describe('Rows that cannot be used.'),
    problems: z.array(
      z.object({
        code: rowProblemCode,
        rows: z.int(),
        first: z.array(z.object({ row: rowNumber, message: z.string() })),
      }),
    ),
    duplicates: z.object({
      exact: z.int(),
      near: z.int(),
      threshold: z.number().describe('Similarity from which a row is a near duplicate; 1 looks for exact ones only.'),
      examples: z.array(duplicateExample),
    }),
    decontamination: z.object({
      mode: z.enum(['remove', 'flag', 'off']),
      words: z.int(),
      benchmarks: z.array(z.object({ name: z.string(), items: z.int() })),
      flagged: z.int().describe('Rows that hold a question of a benchmark.'),
      removed: z.int(),
      matches: z.array(contaminationMatch).describe('The first hundred.'),
    }),
    characters: z.object({ total: z.int(), longest: z.int() }),
    tokens: tokenReport.nullable(),
    template: z
      .object({
        prompt: z.enum(['chat', 'load-qa', 'completion']),
        chatTemplate: z.boolean(),
        family: z
          .string()
          .optional()
          .describe('Whose chat template is taken, as the trainer does, when the model has none of its own.'),
        endOfTurn: z.array(z.string()),
        specialTokens: z.record(z.string(), z.string()),
      })
      .nullable(),
    preview: z.array(previewRow),
    personalData: z.object({ emails: z.int(), phones: z.int(), cards: z.int() }).describe('Rows that hold one.'),
    languages: z.array(z.object({ language: z.string(), rows: z.int() })),
    warnings: z.array(dataWarning),
    refusal: failureDetail.optional().describe('Why no run can use the set, when that is so.'),
  })
  .meta({ id: 'DataReport' });
export type DataReport = z.infer<typeof dataReport>;

/** What of the report travels in events; the whole of it is report.json of the artifact. */
export const dataReportSummary = z
  .object({
    format: z.string(),
    dropped: z.int(),
    nearDuplicates: z.int(),
    contaminated: z.object({ flagged: z.int(), removed: z.int() }),
    tokens: z
      .object({
        total: z.int(),
        trained: z.int(),
        longest: z.int(),
        sequences: z.int().optional().describe('Pieces of plain text that are trained, where they are not the rows.'),
      })
      .optional(),
    warnings: z.array(z.string()).describe('Their codes.'),
  })
  .meta({ id: 'DataReportSummary' });
export type DataReportSummary = z.infer<typeof dataReportSummary>;
