import { DatasetPrepared, EvaluationCompleted, ModelMerged, RunCancelled, StageFailed } from '@anneal/contracts';
import { restrictedProblems, until } from '@anneal/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TestEvaluator, type Knowledge, type TestRun } from '../evaluator.fixture.js';

let evaluator: TestEvaluator;
beforeAll(async () => {
  evaluator = await TestEvaluator.start();
}, 120_000);
afterAll(() => evaluator.stop());
afterEach(() => evaluator.generator.setFaults({}));

const question = (index: number): string => `Question ${index}?`;
const answer = (index: number): string => `{"number":${index}}`;
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
const knowing = (count: number): Knowledge => Object.fromEntries(numbers(count).map((n) => [question(n), answer(n)]));

/** A run with an own set of so many questions, of which the tuned model knows all and the base none. */
async function runOf(id: string, count: number): Promise<TestRun> {
  const items = numbers(count).map((n) => ({
    id: `${id}-${n}`,
    messages: [{ role: 'user', content: question(n) }],
    expected: answer(n),
  }));
  const source = `file:${evaluator.write(`${id}.jsonl`, items)}`;
  const evaluation = { benchmarks: [{ name: 'own-set' as const, source, score: 'json' as const }] };
  return evaluator.run(id, evaluation, { base: {}, tuned: knowing(count) });
}
const prepare = (id: string, run: TestRun): Promise<void> => evaluator.say(DatasetPrepared, run.prepared);
const merge = (id: string, run: TestRun): Promise<void> => evaluator.say(ModelMerged, run.merged);
const cancel = (id: string): Promise<void> =>
  evaluator.say(RunCancelled, { runId: id, name: 'x', seconds: 1, by: 'test', turn: 1 });
const jobOf = (runId: string): string | undefined =>
  evaluator.cluster.jobs.find(({ metadata }) => metadata.annotations?.['anneal.dev/run'] === runId)?.metadata.name;
const gone = (runId: string) => until(`the end of the Job of ${runId}`, () => jobOf(runId) === undefined);
const someAsked = (runId: string, count: number) =>
  until('some questions', () => evaluator.askedIn(runId).length >= count);
const ids = (runId: string): string[] => evaluator.askedIn(runId).map(({ id }) => id);
const starts = (runId: string): number => new Set(evaluator.askedIn(runId).map(({ pid }) => pid)).size;

describe('an evaluation in pods', () => {
  it('comes to the same as on the machine of the service', async () => {
    const here = await runOf('here', 8);
    await prepare('here', here);
    await merge('here', here);
    const { evaluation: local } = await evaluator.word(EvaluationCompleted, 'here');
    await evaluator.moveToCluster();
    const there = await runOf('there', 8);
    await prepare('there', there);
    await merge('there', there);
    const { evaluation } = await evaluator.word(EvaluationCompleted, 'there');
    expect(evaluation.results).toEqual(local.results);
    expect(evaluation).toMatchObject({ verdict: 'improved', results: [{ items: 8, gained: 8 }] });
    const { settings } = await evaluator.report(evaluation.report);
    const versions = { image: 'registry.example.com/anneal-engine:test' };
    expect(settings).toMatchObject({ base: { versions }, tuned: { versions } });
    expect(starts('there')).toBe(2);
  });

  it('leaves nothing in the cluster', async () => {
    const { cluster } = evaluator;
    await until('an empty cluster', () => cluster.jobs.length === 0);
    for (const plural of ['pods', 'configmaps', 'secrets']) expect(cluster.objects.list(plural)).toEqual([]);
  });

  it('has a Job for each limit of answers, without a key of the object store, under the restricted standard', async () => {
    const source = (id: string): string =>
      `file:${evaluator.write(`${id}.jsonl`, [{ id: `limits-${id}`, messages: [{ role: 'user', content: id }], expected: id }])}`;
    const benchmarks = [
      { name: 'own-set' as const, source: source('short'), answerTokens: 4 },
      { name: 'own-set' as const, source: source('long'), answerTokens: 5 },
    ];
    const run = await evaluator.run('limits', { benchmarks }, {});
    evaluator.generator.setFaults({ batchMs: 500 });
    await prepare('limits', run);
    await someAsked('limits', 1);
    const { jobs, objects } = evaluator.cluster;
    const said = JSON.stringify([jobs, objects.list('secrets'), objects.list('configmaps'), objects.list('pods')]);
    for (const secret of evaluator.storeKeys) expect(said).not.toContain(secret);
    expect(objects.list('pods')).toHaveLength(1);
    for (const { spec } of objects.list('pods')) expect(restrictedProblems(spec)).toEqual([]);
    await until('both', () => evaluator.askedIn('limits').length === 2);
    expect(starts('limits')).toBe(2);
    await gone('limits');
  });
});

describe('an evaluation in pods that is disturbed', () => {
  it('asks nothing twice after its pod was evicted', async () => {
    const run = await runOf('evicted', 40);
    evaluator.generator.setFaults({ batchMs: 300 });
    await prepare('evicted', run);
    await until('some answers', () =>
      evaluator.progress.some(({ runId, done }) => runId === 'evicted' && (done ?? 0) > 2),
    );
    const stored = new Set(await evaluator.answered('evicted', 'base'));
    evaluator.generator.setFaults({});
    const before = ids('evicted').length;
    await evaluator.cluster.evict(jobOf('evicted') ?? '', 'The node was low on resource: memory.');
    await until('all answers', async () => (await evaluator.answered('evicted', 'base')).length === 40);
    const again = ids('evicted').slice(before);
    expect(again.filter((id) => stored.has(id.replace('own-set/', '')))).toEqual([]);
    expect(starts('evicted')).toBe(2);
    const retry = evaluator.progress.find(({ runId, retry: said }) => runId === 'evicted' && said)?.retry;
    expect(retry?.failure.code).toBe('KILLED');
  });

  it('fails for good when its pod has too little memory', async () => {
    const run = await runOf('no-memory', 10);
    evaluator.generator.setFaults({ batchMs: 1_000 });
    await prepare('no-memory', run);
    await someAsked('no-memory', 1);
    await evaluator.cluster.outOfMemory(jobOf('no-memory') ?? '');
    const { failure } = await evaluator.word(StageFailed, 'no-memory');
    expect(failure).toMatchObject({ code: 'HOST_OUT_OF_MEMORY', remedy: expect.stringContaining('BATCH') as string });
    await gone('no-memory');
  });

  it('goes on without its service, which adopts it again', async () => {
    const run = await runOf('adopted', 12);
    evaluator.generator.setFaults({ batchMs: 300 });
    await prepare('adopted', run);
    await someAsked('adopted', 4);
    await evaluator.stopService();
    expect(jobOf('adopted')).toBeDefined();
    await evaluator.startService();
    await until('all answers', async () => (await evaluator.answered('adopted', 'base')).length === 12);
    expect(ids('adopted')).toHaveLength(12);
    expect(starts('adopted')).toBe(1);
    await gone('adopted');
  });

  it('takes what a pod answered while no service was there', async () => {
    const run = await runOf('ended', 6);
    evaluator.generator.setFaults({ batchMs: 200 });
    await prepare('ended', run);
    await someAsked('ended', 2);
    const job = jobOf('ended') ?? '';
    await evaluator.stopService();
    await until('the last question', () => evaluator.askedIn('ended').length === 6);
    await until('its answer', () => podSaid(job, 'ended-6'));
    await evaluator.cluster.evict(job, 'The node was low on resource: memory.');
    await evaluator.startService();
    await until('all answers', async () => (await evaluator.answered('ended', 'base')).length === 6);
    expect(starts('ended')).toBe(1);
  });

  it('shows what it waits for', async () => {
    const run = await runOf('no-node', 2);
    evaluator.cluster.setPodFaults({ unschedulable: true });
    await prepare('no-node', run);
    const told = await until('what it waits for', () =>
      evaluator.progress.find(({ runId, phase }) => runId === 'no-node' && phase.startsWith('waiting for a node')),
    );
    evaluator.cluster.setPodFaults({});
    expect(told).toMatchObject({ done: 0, total: 2, unit: 'items' });
    await cancel('no-node');
    await gone('no-node');
  });

  it('is removed when its run is cancelled', async () => {
    const run = await runOf('cancelled', 20);
    evaluator.generator.setFaults({ batchMs: 500 });
    await prepare('cancelled', run);
    await someAsked('cancelled', 2);
    await cancel('cancelled');
    await gone('cancelled');
    const asked = ids('cancelled').length;
    expect(asked).toBeLessThan(20);
    expect(evaluator.names('cancelled')).toEqual([]);
  });

  it('is removed, too, when that was said while no service was there', async () => {
    const run = await runOf('orphan', 200);
    evaluator.generator.setFaults({ batchMs: 500 });
    await prepare('orphan', run);
    await someAsked('orphan', 2);
    await evaluator.stopService();
    await cancel('orphan');
    expect(jobOf('orphan')).toBeDefined();
    await evaluator.startService();
    await gone('orphan');
  });
});

/** Whether a pod of a Job told the answer to an item. */
function podSaid(job: string, item: string): boolean {
  const pods = [...evaluator.cluster.pods].filter(([name]) => name.startsWith(`${job}-`));
  return pods.some(([, { log }]) => log.some(({ text }) => text.includes('"event"') && text.includes(item)));
}
