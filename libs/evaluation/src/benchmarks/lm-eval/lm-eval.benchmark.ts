import { createHash } from 'node:crypto';
import type { LmEvalBenchmark } from '@anneal/contracts';
import { describeTask, notInstalled, type DescribedTask } from '../../harness/described-task.js';
import { demandMetric, usualMetric } from '../../harness/samples.js';
import type { Benchmark, BenchmarkContext, Item, SubjectGroup } from '../benchmark.js';

type Head = DescribedTask['head'];

/** A task of lm-eval, or a group of them, which it asks and scores by itself; here is what it asks. */
export const lmEval: Benchmark<LmEvalBenchmark> = async (spec, context) => {
  const described = await describedTask(spec, context);
  const { head, items } = described;
  for (const task of head.tasks) demandMetric(task, spec.metric, context.field);
  const all = head.tasks.reduce((sum, { of }) => sum + of, 0);
  const sampled = items.length < all;
  return {
    items: items.map((item) => toItem(item, head)),
    answerTokens: 0,
    stop: [],
    score: () => {
      throw new Error('lm-eval scores the answers to its tasks itself');
    },
    ...(head.isGroup ? { groups: groupsOf(head, spec.metric) } : {}),
    task: { described, metric: spec.metric },
    ...(sampled ? { sampledFrom: all } : {}),
    settings: {
      harness: `lm-eval ${head.lmEval}`,
      task: head.task,
      ...(head.isGroup ? { tasks: head.tasks.map((task) => ({ task: task.task, ...settingsOf(task) })) } : {}),
      ...(head.isGroup ? {} : head.tasks.map(settingsOf)[0]),
      items: digestOf(items),
      metric: spec.metric ?? 'the first that says right or wrong',
      prompt: spec.prompt,
      ...(spec.prompt === 'chat' ? { multiturn: spec.multiturn ?? true } : {}),
      ...(spec.system === undefined ? {} : { system: spec.system }),
      ...(sampled ? { sample: { items: items.length, of: all, seed: spec.seed } } : {}),
    },
  };
};

/**
 * What a task asks, as lm-eval says it.
 *
 * @throws Failure ENGINE_MISSING where lm-eval is not installed
 */
export async function describedTask(
  {
    prompt,
    multiturn = true,
    ...asked
  }: Pick<LmEvalBenchmark, 'task' | 'shots' | 'limit' | 'seed' | 'prompt' | 'multiturn' | 'system'>,
  { harness, field, signal }: Pick<BenchmarkContext, 'harness' | 'field' | 'signal'>,
): Promise<DescribedTask> {
  if (!harness) throw notInstalled(field);
  const { task, shots, limit, seed, system } = asked;
  const chat = prompt === 'chat' ? { multiturn } : undefined;
  return describeTask(harness, { task, shots, limit, seed, chat, system }, { field, signal });
}

function toItem(described: DescribedTask['items'][number], { isGroup }: Head): Item {
  const { id, task, expected, digest } = described;
  const prompt = 'messages' in described ? { messages: described.messages } : { prompt: described.prompt };
  return { id, prompt, expected, digest, ...(isGroup ? { subject: task } : {}) };
}

/** Groups that say how they sum up the metric that counts; a tag says nothing of the kind. */
function groupsOf({ tasks, groups }: Head, wanted: string | undefined): SubjectGroup[] {
  const counted = new Map(tasks.map((task) => [task.task, { ...task, metric: wanted ?? usualMetric(task.metrics) }]));
  return groups.flatMap(({ group, tasks: subjects, sums }) => {
    const sum = sums.find(({ metric, filters }) =>
      subjects.every((name) => {
        const task = counted.get(name);
        return task?.metric === metric && (filters === null || filters.includes(task.filter));
      }),
    );
    return sum ? [{ name: group, subjects, weighted: sum.weighted }] : [];
  });
}

function settingsOf({ version, data, kind, shots, generation }: Head['tasks'][number]) {
  return { ...(version === '' ? {} : { version }), data: data.join(', '), kind, shots, generation };
}

/** One digest over all items: the data may come from anywhere, but it is these questions that were asked. */
function digestOf(items: DescribedTask['items']): string {
  const hash = createHash('sha256');
  for (const { digest } of items) hash.update(`${digest}\n`);
  return hash.digest('hex');
}
