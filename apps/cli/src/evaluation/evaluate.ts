import {
  batchName,
  outcomeOf,
  questionsOf,
  unanswered,
  type GroupScore,
  type LoadedBenchmark,
} from '@anneal/evaluation';
import { AnswerFile, type AnswerLine } from './answer.file.js';
import type { AskedModel } from './asked.model.js';

/** What one model does on one benchmark. */
export interface Evaluated {
  readonly benchmark: string;
  readonly model: string;
  /** Items that were answered: all but the failed ones. */
  readonly n: number;
  readonly correct: number;
  readonly wrong: number;
  readonly unparsed: number;
  /** Items that the model could not be asked; they count for nothing. */
  readonly failed: number;
  /** Share of n. */
  readonly accuracy: number;
  /** Answers that an earlier run left in the file. */
  readonly known: number;
  readonly seconds: number;
  readonly problems: readonly string[];
  /** Sums over its tasks, where lm-eval makes some. */
  readonly groups?: readonly GroupScore[];
  readonly settings: Readonly<Record<string, unknown>>;
}

export interface EvaluateOptions {
  readonly out: string | undefined;
  readonly workDir: string;
  readonly signal: AbortSignal;
  /** Told after each answer. */
  readonly onProgress: (done: number, total: number) => void;
}

/** Asks a model every question of a benchmark to which the file has no answer yet, and counts. */
export async function evaluate(
  benchmark: LoadedBenchmark,
  { name, model, inference }: AskedModel,
  { out, workDir, signal, onProgress }: EvaluateOptions,
): Promise<Evaluated> {
  const started = performance.now();
  const questions = questionsOf([benchmark]);
  const byKey = new Map(questions.map((question) => [question.key, question]));
  const file = await AnswerFile.open(out, name, questions);
  const lines: Pick<AnswerLine, 'outcome'>[] = [...file.known];
  const problems: string[] = [];
  try {
    const open = unanswered(
      questions,
      file.known.map(({ id, promptDigest }) => ({
        subject: 'base',
        benchmark: benchmark.label,
        itemId: id,
        promptDigest,
      })),
      'base',
    );
    onProgress(lines.length, questions.length);
    const { answerTokens, stop } = benchmark;
    const request = {
      ...{ model, prompts: open.map(({ key, prompt }) => ({ id: key, prompt })), answerTokens, stop, signal },
      directory: `${workDir}/${batchName(name, questions)}`,
      job: { id: 'evaluate', attempt: 1, token: '1' },
    };
    if (open.length > 0) {
      await inference.ask(request, async (reply) => {
        const question = byKey.get(reply.id);
        if (!question) return;
        const { finish, text, tokens, seconds } = reply;
        const outcome = outcomeOf(reply, question);
        if (outcome === 'failed' || finish === 'failed') {
          problems.push(`${question.itemId}: ${reply.problem ?? ''}`);
        } else {
          const found = finish === 'too_long' ? undefined : benchmark.read?.(text);
          const line = { id: question.itemId, correct: outcome === 'correct', outcome, ...found };
          lines.push(line);
          await file.add({ ...line, text, finish, tokens, seconds, model: name, promptDigest: question.digest });
        }
        onProgress(lines.length + problems.length, questions.length);
      });
    }
  } finally {
    await file.close();
  }
  const count = (wanted: AnswerLine['outcome']): number => lines.filter(({ outcome }) => outcome === wanted).length;
  const correct = count('correct');
  return {
    benchmark: benchmark.label,
    model: name,
    n: lines.length,
    correct,
    wrong: count('wrong'),
    unparsed: count('unparsed'),
    failed: problems.length,
    accuracy: lines.length === 0 ? 0 : correct / lines.length,
    known: file.known.length,
    seconds: (performance.now() - started) / 1000,
    problems,
    settings: { ...benchmark.settings, inference: inference.settings, versions: await inference.versions(signal) },
  };
}
