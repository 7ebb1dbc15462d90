import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runToEnd } from '@anneal/compute';
import { Failure } from '@anneal/contracts';
import { describeTaskCommand, lmEvalProcessEnv, type LmEvalTask } from '@anneal/engine';
import { z } from 'zod';
import { exitStatus, type InstalledHarness } from './installed-harness.js';

const task = z.object({
  task: z.string(),
  version: z.string(),
  kind: z.string(),
  metrics: z.array(z.string()),
  /** The first of those that read its answers: the one that counts. */
  filter: z.string(),
  shots: z.int(),
  data: z.array(z.string()),
  generation: z.unknown(),
  of: z.int(),
});

const group = z.object({
  group: z.string(),
  tasks: z.array(z.string()),
  /** Metrics that the group makes one number of, and whether each item counts once for it, or else each task. */
  sums: z.array(z.object({ metric: z.string(), filters: z.array(z.string()).nullable(), weighted: z.boolean() })),
});

const head = z.object({
  task: z.string(),
  lmEval: z.string(),
  isGroup: z.boolean(),
  tasks: z.array(task).min(1),
  groups: z.array(group),
});

const message = z.object({ role: z.enum(['system', 'user', 'assistant']), content: z.string() });
const item = z.intersection(
  z.object({ id: z.string(), task: z.string(), question: z.string(), expected: z.string(), digest: z.string() }),
  z.union([z.object({ messages: z.array(message) }), z.object({ prompt: z.string() })]),
);

/** What a task of lm-eval asks, or a group of them. */
export interface DescribedTask {
  readonly asked: Omit<LmEvalTask, 'folders'>;
  readonly head: z.infer<typeof head>;
  /** In the order of the tasks and of their data; never empty. */
  readonly items: readonly z.infer<typeof item>[];
}

/**
 * Finds out what a task of lm-eval asks, without any model: its data is read, and fetched where that is allowed.
 *
 * @param field of the RunSpec that names the task, for messages
 * @throws Failure BENCHMARK_INVALID, SOURCE_OFFLINE, HUB_UNAVAILABLE or ENGINE_MISSING
 */
export async function describeTask(
  harness: InstalledHarness,
  asked: Omit<LmEvalTask, 'folders'>,
  { field, signal }: { field: string; signal: AbortSignal },
): Promise<DescribedTask> {
  const { engine, folders } = harness;
  const directory = await mkdtemp(join(tmpdir(), 'anneal-lm-eval-'));
  try {
    const output = join(directory, 'task.jsonl');
    await mkdir(harness.data, { recursive: true });
    const { code, stderr } = await runToEnd({
      ...describeTaskCommand(engine, { ...asked, folders }, output),
      env: lmEvalProcessEnv(engine, { ...harness, home: directory }),
      cwd: directory,
      signal,
    });
    if (code !== 0) throw notDescribed({ task: asked.task, code, log: stderr, field, harness });
    const [first, ...items] = (await readFile(output, 'utf8')).split('\n').filter(Boolean);
    return {
      asked,
      head: head.parse(JSON.parse(first ?? '')),
      items: items.map((line) => item.parse(JSON.parse(line))),
    };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function notDescribed({
  task: name,
  code,
  log,
  field,
  harness,
}: {
  task: string;
  code: number | null;
  log: string;
  field: string;
  harness: InstalledHarness;
}): Failure {
  const said = (log.trim().split('\n').at(-1) ?? '').slice(0, 500);
  if (code === exitStatus.badInput) {
    const remedy = 'Name a task as "lm_eval ls tasks" does, or give its description to the evaluator (LM_EVAL_TASKS).';
    return new Failure('BENCHMARK_INVALID', said, { remedy, field });
  }
  if (code === exitStatus.noData) {
    if (harness.hub === undefined) {
      return new Failure('SOURCE_OFFLINE', said, {
        remedy: `Put the data into ${harness.data}, which is read as HF_HOME, or allow the Hub to be asked.`,
        field,
      });
    }
    return /reach|connect|timed? ?out|resolve/i.test(said)
      ? new Failure('HUB_UNAVAILABLE', said, { remedy: 'Check the network and HF_ENDPOINT; it is tried again.', field })
      : new Failure('BENCHMARK_INVALID', said, { remedy: 'Check that the data can be read, and its token.', field });
  }
  if (/No module named/.test(log)) return notInstalled(field, said);
  return new Failure('BENCHMARK_INVALID', `lm-eval cannot read the task ${name} (status ${code}): ${said}`, {
    remedy: 'Try the task with "anneal evaluate"; its whole words are there.',
    field,
  });
}

/** What is said where a task of lm-eval is asked for, and lm-eval is not here. */
export function notInstalled(field: string, detail?: string): Failure {
  return new Failure(
    'ENGINE_MISSING',
    `lm-eval is not installed here${detail ? ` (${detail})` : ''}; "node libs/engine/install-lm-eval.mjs" does it.`,
    {
      remedy: 'Install it; a service finds it by LM_EVAL_PACKAGES, and a command by itself.',
      field,
    },
  );
}
