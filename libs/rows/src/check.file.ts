import { Failure, type TrainingObjective } from '@anneal/contracts';
import { findFormat, objectiveOf, objectiveOfRow, type DataFormat } from './format.js';
import { jsonlRow, tooLong } from './jsonl.rows.js';
import { readTextLines } from './text-lines.js';
import { conversationsOf, toTrainingRow } from './training.row.js';

/** Whoever corrects a file rarely looks at more of them at once. */
const mostProblems = 10;

/** What is wrong with one row. */
export interface RowProblem {
  /** Line of the file, counted from 1. */
  readonly row: number;
  /** One sentence that names the line and the file. */
  readonly message: string;
}

export interface CheckedFile {
  /** Rows that can be trained on, as far as the file was read. */
  readonly rows: number;
  /** Of their messages. */
  readonly characters: number;
  /** What its rows are there to teach, as the first one that could be read says; nothing when there is none. */
  readonly objective: TrainingObjective | undefined;
  readonly problems: readonly RowProblem[];
}

/**
 * Checks every row of a JSONL file as a run would, and goes on after one that is wrong. It stops at the tenth problem, and
 * at a line that is too long to be read. A file without rows is a problem of line 1.
 *
 * @param name how messages name the file
 */
export async function checkTrainingFile(path: string, name: string): Promise<CheckedFile> {
  const problems: RowProblem[] = [];
  let format: DataFormat | undefined;
  let rows = 0;
  let characters = 0;
  try {
    for await (const line of readTextLines(path, (number) => tooLong(number, name))) {
      try {
        const row = jsonlRow(line, name);
        format ??= findFormat([row], undefined, name, objectiveOfRow(row));
        const [conversation] = conversationsOf(toTrainingRow(row, format, undefined, name));
        rows += 1;
        characters += (conversation?.messages ?? []).reduce((sum, { content }) => sum + content.length, 0);
      } catch (error) {
        problems.push(problemOf(error, line.number));
      }
      if (problems.length === mostProblems) break;
    }
  } catch (error) {
    problems.push(problemOf(error));
  }
  if (rows === 0 && problems.length === 0)
    problems.push({ row: 1, message: `${name} has no row, where line 1 should be the first.` });
  return { rows, characters, objective: format && objectiveOf(format), problems };
}

function problemOf(error: unknown, line = 1): RowProblem {
  if (!(error instanceof Failure)) throw error;
  return { row: error.row ?? line, message: error.message };
}
