import { Failure } from '@anneal/contracts';
import { toConversation } from './conversation.js';
import { findFormat, type DataFormat } from './format.js';
import { jsonlRow, tooLong } from './jsonl.rows.js';
import { readTextLines } from './text-lines.js';

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
        format ??= findFormat([row], undefined, name);
        const { messages } = toConversation(row, format, undefined, name);
        rows += 1;
        characters += messages.reduce((sum, { content }) => sum + content.length, 0);
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
  return { rows, characters, problems };
}

function problemOf(error: unknown, line = 1): RowProblem {
  if (!(error instanceof Failure)) throw error;
  return { row: error.row ?? line, message: error.message };
}
