import { createHash } from 'node:crypto';
import type { Prompt } from '../benchmarks/benchmark.js';
import type { LoadedBenchmark } from '../benchmarks/load.benchmarks.js';
import type { Reply } from '../inference/inference.js';
import type { Outcome } from '../scoring/outcome.js';
import { changed } from '../verdict/results.js';

/** A question to which an answer is known. */
export interface AnsweredQuestion {
  readonly subject: 'base' | 'tuned';
  readonly benchmark: string;
  readonly itemId: string;
  readonly promptDigest: string;
  /** Set when it could not be asked, and may be asked again. */
  readonly failed?: boolean;
}

/** One question of a run, with all that an answer to it needs. */
export interface Question {
  /** Unique within the run. */
  readonly key: string;
  readonly benchmark: LoadedBenchmark;
  readonly itemId: string;
  readonly prompt: Prompt;
  readonly expected: string;
  /** Place among all questions of the run. */
  readonly position: number;
  /** Over all that makes this question the same one: prompt, settings and expected answer. */
  readonly digest: string;
}

/** All questions of a run, in one order. */
export function questionsOf(benchmarks: readonly LoadedBenchmark[]): Question[] {
  const all = benchmarks.flatMap((benchmark) => benchmark.items.map((item) => ({ benchmark, item })));
  return all.map(({ benchmark, item }, position) => ({
    key: keyOf(benchmark.label, item.id),
    benchmark,
    itemId: item.id,
    prompt: item.prompt,
    expected: item.expected,
    position,
    digest: item.digest ?? digestOf([item.prompt, item.expected, benchmark.answerTokens, benchmark.stop]),
  }));
}

/**
 * Those that have not been answered.
 *
 * @throws Failure BENCHMARK_INVALID when a question is not the one that was answered before, by either model
 */
export function unanswered(
  questions: readonly Question[],
  stored: readonly AnsweredQuestion[],
  subject: AnsweredQuestion['subject'],
): Question[] {
  const byKey = new Map(questions.map((question) => [question.key, question]));
  const answered = new Set<string>();
  for (const { subject: other, benchmark, itemId, promptDigest, failed } of stored) {
    const key = keyOf(benchmark, itemId);
    if (byKey.get(key)?.digest !== promptDigest) throw changed(benchmark, itemId);
    if (other === subject && failed !== true) answered.add(key);
  }
  return questions.filter(({ key }) => !answered.has(key));
}

/** Questions that may be asked together: those with the same settings, so that the model is loaded once for them. */
export function batchesOf(questions: readonly Question[]): Question[][] {
  const batches = new Map<string, Question[]>();
  for (const question of questions) {
    const settings = JSON.stringify([question.benchmark.answerTokens, question.benchmark.stop]);
    const batch = batches.get(settings);
    if (batch) batch.push(question);
    else batches.set(settings, [question]);
  }
  return [...batches.values()];
}

/** Names the asking of these questions to this model, however often it is begun. */
export function batchName(model: string, questions: readonly Question[]): string {
  return digestOf([model, questions.map(({ key, digest }) => [key, digest])]).slice(0, 16);
}

/**
 * What became of a question. A prompt that does not fit into the model is no failure: the model cannot do it. What lm-eval
 * has scored stays as it is.
 */
export function outcomeOf(
  reply: Pick<Reply, 'finish' | 'text'> & { readonly outcome?: Outcome | undefined },
  { benchmark, expected }: Question,
): Outcome {
  if (benchmark.task !== undefined && reply.outcome !== undefined) return reply.outcome;
  if (reply.finish === 'failed') return 'failed';
  return reply.finish === 'too_long' ? 'unparsed' : benchmark.score(reply.text, expected);
}

/** A prompt as the report shows it. */
export function readablePrompt(prompt: Prompt): string {
  if ('prompt' in prompt) return prompt.prompt;
  const [first, ...more] = prompt.messages;
  if (first?.role === 'user' && more.length === 0) return first.content;
  return prompt.messages.map(({ role, content }) => `${role}: ${content}`).join('\n\n');
}

function keyOf(label: string, itemId: string): string {
  return `${label}/${itemId}`;
}

function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
