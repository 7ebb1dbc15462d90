import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Failure, parseRunSpec, type RunSpec } from '@anneal/contracts';
import { Command, InvalidArgumentError, Option } from 'commander';

export interface DataOptions {
  readonly base?: string;
  readonly revision: string;
  readonly columns?: Record<string, string>;
  readonly system?: string;
  readonly objective: 'sft' | 'dpo';
  readonly prompt: 'chat' | 'load-qa';
  readonly config?: string;
  readonly split?: string;
  readonly limit?: number;
  readonly benchmarks: readonly NamedBenchmark[];
  readonly include?: string;
  readonly sequenceLength?: number;
  readonly decontamination?: 'remove' | 'flag' | 'off';
  readonly words?: number;
  readonly nearDuplicates?: number;
  readonly mostBadRows?: number;
  readonly json: boolean;
}

interface NamedBenchmark {
  readonly name: string;
  /** Left out: where a run has the benchmark from. */
  readonly path?: string;
  /** Of lm-eval. */
  readonly task?: string;
}

/** A command that looks at data on this machine, with no server running. */
export function dataCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .argument('<source>', 'a file or folder, or any source that a run may name: owner/name, https:, file:')
    .option('--base <model>', 'base model, for its tokenizer and chat template: a folder or a Hub id')
    .option('--revision <name>', 'branch, tag or commit of the base model', 'main')
    .option(
      '--columns <pairs>',
      'which column holds what: question=problem,answer=answer; prompt, chosen, rejected of pairs',
      columns,
    )
    .addOption(
      new Option('--objective <name>', 'what is learnt: answers, or from preference pairs which one is better')
        .choices(['sft', 'dpo'])
        .default('sft'),
    )
    .option('--system <text>', 'system prompt put before every row that has none')
    .addOption(new Option('--prompt <form>', 'how a row becomes text').choices(['chat', 'load-qa']).default('chat'))
    .option('--config <name>', 'configuration of a Hub dataset that has several')
    .option('--split <name>', 'split of a Hub dataset (default: train)')
    .option('--limit <rows>', 'take only the first rows', whole)
    .option(
      '--benchmarks <name:path>',
      'what will judge the run: mmlu-pro (of the Hub), mmlu-pro:FOLDER, own-set:FILE, lm-eval:TASK; may be repeated',
      more,
      [],
    )
    .option('--include <dir>', 'with lm-eval: folder with descriptions of own tasks; functions in them are run')
    .option('--sequence-length <tokens>', 'longer rows are dropped (default: 2048)', whole)
    .addOption(
      new Option(
        '--decontamination <what>',
        'what happens to rows with a question of a benchmark (default: remove)',
      ).choices(['remove', 'flag', 'off']),
    )
    .option('--words <n>', 'words running that a row and a question share (default: 13)', whole)
    .option('--near-duplicates <similarity>', 'from 0.5 to 1; 1 looks for exact ones only (default: 0.75)', number)
    .option('--most-bad-rows <n>', 'unusable rows to be dropped, a share below 1 or a number (default: 0.01)', number)
    .option('--json', 'print nothing but JSON on standard output', false);
}

/** The request that the options stand for; what is checked about it is what a run would check. */
export async function requestOf(source: string, options: DataOptions): Promise<RunSpec> {
  const { base, revision, objective, prompt, sequenceLength, benchmarks } = options;
  const asked = {
    // No model is loaded; a name has to be there for the request to be one.
    model: { base: base === undefined ? 'none/none' : await referenceOf(base), revision },
    dataset: {
      source: await referenceOf(source),
      ...given({
        columns: options.columns,
        system: options.system,
        config: options.config,
        split: options.split,
        limit: options.limit,
        decontamination: options.decontamination,
        decontaminationWords: options.words,
        nearDuplicates: options.nearDuplicates,
        mostBadRows: options.mostBadRows,
      }),
    },
    training: { method: 'lora', objective, prompt, ...given({ sequenceLength }) },
    ...(benchmarks.length === 0 ? {} : { evaluation: { benchmarks: await Promise.all(benchmarks.map(benchmarkOf)) } }),
  };
  const parsed = parseRunSpec(asked);
  if (parsed.ok) return parsed.spec;
  const [problem] = parsed.problems;
  throw new Failure('SPEC_INVALID', `${problem?.field ?? 'The call'}: ${problem?.message ?? 'cannot be read'}.`, {
    remedy: 'Check the source and the options; a file has to exist.',
    ...(problem ? { field: problem.field } : {}),
  });
}

async function benchmarkOf({ name, path, task }: NamedBenchmark): Promise<Record<string, string>> {
  if (task !== undefined) return { name, task };
  return path === undefined ? { name } : { name, source: await referenceOf(path) };
}

/** A path on this machine as a reference; anything else is one already, or is refused as what it is. */
async function referenceOf(text: string): Promise<string> {
  const path = text.startsWith('file:') ? text.slice('file:'.length) : text;
  const exists = await stat(resolve(path)).then(
    () => true,
    () => false,
  );
  if (exists || text.startsWith('file:') || /^[./~]/.test(text)) return `file:${resolve(path)}`;
  return text;
}

function given(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function columns(text: string): Record<string, string> {
  return Object.fromEntries(
    text.split(',').map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1 || at === pair.length - 1)
        throw new InvalidArgumentError('It is a list like question=problem,answer=answer.');
      return [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
    }),
  );
}

function more(text: string, before: readonly NamedBenchmark[]): NamedBenchmark[] {
  if (text === 'mmlu-pro') return [...before, { name: text }];
  const at = text.indexOf(':');
  const [name, path] = [text.slice(0, at), text.slice(at + 1)];
  if (!['mmlu-pro', 'own-set', 'lm-eval'].includes(name) || path === '')
    throw new InvalidArgumentError('It is mmlu-pro, mmlu-pro:FOLDER, own-set:FILE or lm-eval:TASK.');
  if (name === 'lm-eval') return [...before, { name, task: path }];
  return [...before, { name, path }];
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('It must be a whole number above 0.');
  return value;
}

function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0)) throw new InvalidArgumentError('It must be a number of at least 0.');
  return value;
}
