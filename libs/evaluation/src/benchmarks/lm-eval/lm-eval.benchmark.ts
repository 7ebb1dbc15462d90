import { createHash } from 'node:crypto';
import type { LmEvalBenchmark } from '@anneal/contracts';
import { describeTask, notInstalled, type DescribedTask } from '../../harness/described-task.js';
import { demandMetric } from '../../harness/samples.js';
import type { Benchmark, BenchmarkContext } from '../benchmark.js';

/** A task of lm-eval, which asks and scores it by itself; here is what it asks. */
export const lmEval: Benchmark<LmEvalBenchmark> = async (spec, context) => {
  const described = await describedTask(spec, context);
  const { head, items } = described;
  demandMetric(head, spec.metric, context.field);
  const sampled = items.length < head.of;
  return {
    items: items.map(({ id, prompt, expected, digest }) => ({ id, prompt: { prompt }, expected, digest })),
    answerTokens: 0,
    stop: [],
    score: () => {
      throw new Error('lm-eval scores the answers to its tasks itself');
    },
    task: { described, metric: spec.metric },
    ...(sampled ? { sampledFrom: head.of } : {}),
    settings: {
      harness: `lm-eval ${head.lmEval}`,
      task: head.task,
      ...(head.version === '' ? {} : { version: head.version }),
      data: head.data.join(', '),
      items: digestOf(items),
      kind: head.kind,
      metric: spec.metric ?? 'the first that says right or wrong',
      shots: head.shots,
      generation: head.generation,
      ...(sampled ? { sample: { items: items.length, of: head.of, seed: spec.seed } } : {}),
    },
  };
};

/**
 * What a task asks, as lm-eval says it.
 *
 * @throws Failure ENGINE_MISSING where lm-eval is not installed
 */
export async function describedTask(
  { task, shots, limit, seed }: Pick<LmEvalBenchmark, 'task' | 'shots' | 'limit' | 'seed'>,
  { harness, field, signal }: BenchmarkContext,
): Promise<DescribedTask> {
  if (!harness) throw notInstalled(field);
  return describeTask(harness, { task, shots, limit, seed }, { field, signal });
}

/** One digest over all items: the data may come from anywhere, but it is these questions that were asked. */
function digestOf(items: DescribedTask['items']): string {
  const hash = createHash('sha256');
  for (const { digest } of items) hash.update(`${digest}\n`);
  return hash.digest('hex');
}
