import { basename } from 'node:path';
import { Failure } from '@anneal/contracts';
import { z } from 'zod';
import { readJsonLines } from '../benchmarks/json-lines.js';
import { withoutPadding } from '../benchmarks/mmlu-pro/options.js';
import { readTest, type MmluQuestion } from '../benchmarks/mmlu-pro/rows.js';
import { extractLetter, type ExtractionStep } from '../scoring/letter.js';
import { requireFile } from './file.js';

const questionId = z.union([z.int(), z.string().regex(/^\d+$/).transform(Number)]);
const outputLine = z.union([
  z.object({ question_id: questionId, model_outputs: z.string(), answer: z.string().optional() }),
  // The benchmark's own script for local models names the same field otherwise.
  z
    .object({ question_id: questionId, generated_text: z.string(), answer: z.string().optional() })
    .transform(({ generated_text, ...line }) => ({ ...line, model_outputs: generated_text })),
]);

export interface RescoredItem {
  readonly question_id: number;
  readonly letter: string | null;
  readonly step: ExtractionStep;
  readonly correct: boolean;
}

/** Stored outputs of a model, scored. An output without a letter is unparsed, and not right. */
export interface Rescored {
  readonly n: number;
  readonly correct: number;
  readonly wrong: number;
  readonly unparsed: number;
  readonly accuracy: number;
  /** Accuracy if each unparsed output had been guessed: it counts 1 / number of options. */
  readonly guessAdjusted: number;
  /** Outputs that carry another answer than the data has: they are of another revision of it. */
  readonly otherAnswers: number;
  readonly items: readonly RescoredItem[];
}

/**
 * Scores the outputs of a file against MMLU-Pro.
 *
 * @param data folder of the benchmark
 * @param outputs lines with question_id and model_outputs, plain or of gzip
 * @throws Failure BENCHMARK_INVALID, naming file and row
 */
export async function rescoreMmluPro({ data, outputs }: { data: string; outputs: string }): Promise<Rescored> {
  await requireFile(outputs);
  const questions = new Map((await readTest(data)).map((question) => [question.question_id, question]));
  const name = basename(outputs);
  const items: RescoredItem[] = [];
  const firstRow = new Map<number, number>();
  let [unparsed, guessed, otherAnswers] = [0, 0, 0];
  for await (const { row, value } of readJsonLines(outputs, name)) {
    const line = parseLine(value, name, row);
    const question = questionOf(line.question_id, questions, { name, row, firstRow });
    const { letter, step } = extractLetter(line.model_outputs);
    if (letter === null) {
      unparsed += 1;
      guessed += 1 / withoutPadding(question.options).length;
    }
    if (line.answer !== undefined && line.answer !== question.answer) otherAnswers += 1;
    items.push({ question_id: line.question_id, letter, step, correct: letter === question.answer });
  }
  const [n, correct] = [items.length, items.filter((item) => item.correct).length];
  if (n === 0) {
    throw new Failure('BENCHMARK_INVALID', `${name} has no output.`, {
      remedy: 'Give lines with question_id and model_outputs.',
      file: name,
    });
  }
  const wrong = n - correct - unparsed;
  return {
    n,
    correct,
    wrong,
    unparsed,
    accuracy: correct / n,
    guessAdjusted: (correct + guessed) / n,
    otherAnswers,
    items,
  };
}

function parseLine(value: unknown, file: string, row: number): z.output<typeof outputLine> {
  const parsed = outputLine.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new Failure('BENCHMARK_INVALID', `Row ${row} of ${file} has no question_id with a text in model_outputs.`, {
    remedy: 'Give lines with question_id and model_outputs.',
    file,
    row,
  });
}

function questionOf(
  id: number,
  questions: ReadonlyMap<number, MmluQuestion>,
  { name, row, firstRow }: { name: string; row: number; firstRow: Map<number, number> },
): MmluQuestion {
  const question = questions.get(id);
  const earlier = firstRow.get(id);
  if (question && earlier === undefined) {
    firstRow.set(id, row);
    return question;
  }
  const problem = question
    ? `repeats question ${id} of row ${earlier}`
    : `answers question ${id}, which the data has not`;
  throw new Failure('BENCHMARK_INVALID', `Row ${row} of ${name} ${problem}.`, {
    remedy: question ? 'Keep one output for each question.' : 'Name the data that the outputs belong to (--data).',
    file: name,
    row,
  });
}
