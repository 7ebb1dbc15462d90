import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { carriedRunSpec, Failure } from '@anneal/contracts';
import type { LoadedBenchmark } from '@anneal/evaluation';
import { Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import type { Evaluated } from '../evaluation/evaluate.js';
import { CountedProgress } from '../terminal/counted-progress.js';
import { table } from '../terminal/table.js';
import { printJson } from './options.js';
import { taskOf, withTaskOptions, type TaskOptions } from './task.options.js';

interface Options extends TaskOptions {
  model: string;
  benchmark: string;
  data?: string;
  subjects?: string[];
  limit?: number;
  shots?: number;
  metric?: string;
  score?: string;
  answerTokens?: number;
  served?: string;
  concurrency: number;
  batch: number;
  out?: string;
  json: boolean;
}

export function evaluateCommand(): Command {
  return withTaskOptions(new Command('evaluate'))
    .description('run one benchmark on a model in a folder or on a server, with nothing else running')
    .requiredOption(
      '--model <dir or url>',
      'folder of the model, or a server that speaks OpenAI completions, up to /v1',
    )
    .requiredOption('--benchmark <name>', 'mmlu-pro, own-set:FILE, or lm-eval:TASK (a task, a group or a tag)')
    .option('--data <dir>', 'with mmlu-pro: folder with its test and validation files')
    .option('--subjects <list>', 'with mmlu-pro: only these, for example math,law', (text) => text.split(','))
    .option('--limit <n>', 'ask only so many items', count)
    .option(
      '--shots <n>',
      'with mmlu-pro and lm-eval: examples before each question (default: their own number)',
      shots,
    )
    .option('--metric <name>', 'with lm-eval: the metric that counts (default: exact_match or acc)')
    .option('--score <how>', 'with own-set: how answers are compared (default: normalised)')
    .option('--answer-tokens <n>', 'how long an answer may be', count)
    .option('--served <name>', 'name of the model on the server (default: the one that it has)')
    .option('--concurrency <n>', 'requests to a server at once, at most', count, 64)
    .option('--batch <n>', 'prompts that a generation takes at once', count, 8)
    .option(
      '--out <file.jsonl>',
      'write every answer here as it comes; a second call goes on where the first one ended',
    )
    .option('--json', 'print nothing but JSON on standard output', false)
    .addHelpText(
      'after',
      '\nThe key of a server is read from OPENAI_API_KEY. Exit status: 0 every item was asked, 1 it did not work.',
    )
    .action(async (options: Options) => {
      const evaluated = await run(options);
      if (evaluated.failed > 0) process.exitCode = 1;
      if (options.json) return printJson(evaluated);
      console.log(lines(evaluated).join('\n'));
    });
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('It must be a whole number of at least 1.');
  return value;
}

function shots(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('It must be a whole number, or 0.');
  return value;
}

async function run(options: Options): Promise<Evaluated> {
  const task = taskOf(options.benchmark);
  const spec = task === undefined ? benchmarkSpec(options) : undefined;
  const [{ fittedTo, loadBenchmarks }, { askedModel }, { evaluate }, { evaluatedFailure }] = await Promise.all([
    import('@anneal/evaluation'),
    import('../evaluation/asked.model.js'),
    import('../evaluation/evaluate.js'),
    import('../evaluation/evaluated.failure.js'),
  ]);
  const stop = new AbortController();
  const onSignal = (): void => stop.abort(stopped(options.out));
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  const { signal } = stop;
  const out = options.out === undefined ? undefined : resolve(options.out);
  // Beside the answers, so that the next call finds what a killed one left behind.
  const workDir = out === undefined ? await mkdtemp(join(tmpdir(), 'anneal-evaluate-')) : `${out}.work`;
  const progress = new CountedProgress(process.stderr);
  try {
    if (task !== undefined || spec === undefined) {
      const { evaluateHarness } = await import('../evaluation/evaluate.harness.js');
      const onProgress = (done: number, total: number): void => progress.tell(done, total);
      const evaluated = await evaluateHarness({ ...options, task: task ?? '', out, workDir, signal, onProgress });
      await rm(workDir, { recursive: true, force: true });
      return evaluated;
    }
    const [[benchmark], model] = await Promise.all([
      loadBenchmarks({ evaluation: spec }, { fileRoots: ['/'], dataset: undefined, signal }),
      askedModel(options.model, { ...options, workDir, signal }),
    ]);
    if (!benchmark) throw new Error('no benchmark was loaded');
    const wanted = options.shots === undefined ? benchmark : withShots(benchmark, options.shots);
    const [asked = wanted] = model.directory === undefined ? [] : await fittedTo(model.directory, [wanted], signal);
    const onProgress = (done: number, total: number): void => progress.tell(done, total);
    const evaluated = await evaluate(asked, model, { out, workDir, signal, onProgress });
    await rm(workDir, { recursive: true, force: true });
    return evaluated;
  } catch (error) {
    if (out === undefined) await rm(workDir, { recursive: true, force: true });
    throw evaluatedFailure(error, options.model);
  } finally {
    progress.end();
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

/** The same questions with another number of examples before each. */
function withShots(benchmark: LoadedBenchmark, count: number): LoadedBenchmark {
  const { items, settings, label } = benchmark;
  const asked = items.map((item) => ({ ...item, prompt: item.withShots?.(count) ?? item.prompt }));
  if (benchmark.shots !== undefined && count <= benchmark.shots)
    return { ...benchmark, items: asked, shots: count, settings: { ...settings, shots: count } };
  throw new Failure('BENCHMARK_INVALID', `${label} cannot be asked with ${count} examples.`, {
    remedy: benchmark.shots === undefined ? 'Leave --shots out.' : `Ask for at most ${benchmark.shots}.`,
  });
}

/** Those whose questions belong to no run. */
const names = ['mmlu-pro', 'own-set'];

/** The same part of a RunSpec that a run would have. */
function benchmarkSpec(options: Options): ReturnType<typeof carriedRunSpec.shape.evaluation.parse> {
  const { benchmark, data, subjects, limit, prompt, score, answerTokens } = options;
  const [name = '', ...rest] = benchmark.split(':');
  const source = name === 'own-set' ? rest.join(':') : data;
  const parsed = carriedRunSpec.shape.evaluation.safeParse({
    benchmarks: [
      {
        ...{ name, subjects, limit, prompt, score, answerTokens },
        source: source === undefined ? source : `file:${resolve(source)}`,
      },
    ],
    policy: {},
  });
  if (parsed.success && names.includes(name)) return parsed.data;
  const issue = names.includes(name) ? parsed.error?.issues[0] : undefined;
  const what = issue ? `${String(issue.path.at(-1) ?? '')}: ${issue.message}` : 'no such benchmark can be run alone';
  throw new Failure('BENCHMARK_INVALID', `${benchmark} cannot be run: ${what}.`, {
    remedy: 'Name mmlu-pro with --data DIR, own-set:FILE, or lm-eval:TASK.',
  });
}

function stopped(out: string | undefined): Failure {
  return new Failure('KILLED', 'The evaluation was stopped.', {
    remedy: out === undefined ? 'With --out FILE the answers are kept.' : 'The same call goes on where it was.',
  });
}

function lines(evaluated: Evaluated): string[] {
  const { benchmark, model, n, correct, wrong, unparsed, failed, accuracy, known, seconds, problems } = evaluated;
  const share = (part: number): string => (n === 0 ? '' : `${((100 * part) / n).toFixed(1)} %`);
  return [
    `${benchmark} on ${model}`,
    table(
      ['outcome', 'items', 'share'],
      [
        ['correct', String(correct), share(correct)],
        ['wrong', String(wrong), share(wrong)],
        ['unparsed', String(unparsed), share(unparsed)],
        ...(failed > 0 ? [['failed', String(failed), '']] : []),
      ],
    ),
    '',
    `Accuracy ${accuracy.toFixed(4)} over ${n} items in ${seconds.toFixed(1)} s${known > 0 ? `, ${known} of them answered before` : ''}.`,
    ...groupLines(evaluated.groups ?? []),
    ...loweredShots(evaluated.settings),
    ...(failed > 0 ? [`${failed} could not be asked and count for nothing: ${problems.slice(0, 3).join('; ')}`] : []),
  ];
}

/** What lm-eval itself would say of the groups. */
function groupLines(groups: NonNullable<Evaluated['groups']>): string[] {
  return groups.map(
    ({ group, subjects, accuracy, weighted }) =>
      `${group}: ${accuracy.toFixed(4)}, the mean over ${weighted ? 'the items' : 'the accuracies'} of ${subjects} tasks.`,
  );
}

const lowered = z.object({ shots: z.int(), contextTokens: z.int(), loweredShots: z.record(z.string(), z.int()) });

/** Says how many questions came with fewer examples than usual, and with how many. */
export function loweredShots(settings: Evaluated['settings']): string[] {
  const read = lowered.safeParse(settings);
  if (!read.success) return [];
  const { shots, contextTokens, loweredShots: counts } = read.data;
  const changed = Object.entries(counts).toSorted(([a], [b]) => Number(b) - Number(a));
  if (changed.length === 0) return [];
  const all = changed.reduce((sum, [, count]) => sum + count, 0);
  const parts = changed.map(([to, count]) => `${count} with ${to}`).join(', ');
  return [
    `${all} ${all === 1 ? 'question was' : 'questions were'} asked with fewer than ${shots} examples, to fit into ${contextTokens} tokens: ${parts}.`,
  ];
}
