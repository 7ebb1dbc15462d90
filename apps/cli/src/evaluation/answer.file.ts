import { open, readFile, truncate, type FileHandle } from 'node:fs/promises';
import { Failure } from '@anneal/contracts';
import type { Question } from '@anneal/evaluation';
import { z } from 'zod';

const answerLine = z.object({
  id: z.string(),
  correct: z.boolean(),
  outcome: z.enum(['correct', 'wrong', 'unparsed']),
  letter: z.string().nullish(),
  step: z.int().optional(),
  text: z.string(),
  finish: z.enum(['stop', 'length', 'too_long']),
  tokens: z.number(),
  seconds: z.number(),
  model: z.string(),
  promptDigest: z.string(),
});
/** An answer as a line of the file, for `anneal compare` and for whoever wants to read it. */
export type AnswerLine = z.infer<typeof answerLine>;

/** Answers of one model, one JSON object a line, written as they come. A second run goes on where the first one ended. */
export class AnswerFile {
  private constructor(
    private readonly file: FileHandle | undefined,
    /** What an earlier run has answered. */
    readonly known: readonly AnswerLine[],
  ) {}

  /**
   * @param path none keeps nothing
   * @throws Failure STATE_CONFLICT when the file holds answers of another model, or to other questions
   */
  static async open(path: string | undefined, model: string, questions: readonly Question[]): Promise<AnswerFile> {
    if (path === undefined) return new AnswerFile(undefined, []);
    const known = await readLines(path);
    const digests = new Map(questions.map(({ itemId, digest }) => [itemId, digest]));
    for (const line of known) {
      if (line.model !== model) throw conflict(path, `holds answers of ${line.model}`);
      if (digests.get(line.id) !== line.promptDigest)
        throw conflict(path, `holds an answer to another item ${line.id}`);
    }
    return new AnswerFile(await open(path, 'a'), known);
  }

  async add(line: AnswerLine): Promise<void> {
    await this.file?.appendFile(`${JSON.stringify(line)}\n`);
  }

  async close(): Promise<void> {
    await this.file?.close();
  }
}

async function readLines(path: string): Promise<AnswerLine[]> {
  const bytes = await readFile(path).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  });
  // A kill may have cut the last line short.
  const whole = bytes.lastIndexOf(0x0a) + 1;
  if (whole < bytes.length) await truncate(path, whole);
  const lines = bytes.toString('utf8', 0, whole).split('\n').filter(Boolean);
  return lines.map((line, index) => {
    const parsed = answerLine.safeParse(parseJson(line));
    if (parsed.success) return parsed.data;
    throw conflict(path, `has a line ${index + 1} that is no answer of this command`);
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function conflict(path: string, what: string): Failure {
  return new Failure('STATE_CONFLICT', `${path} ${what}.`, {
    remedy: 'Name another file with --out, or remove this one.',
    file: path,
  });
}
