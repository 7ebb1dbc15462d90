import {
  DatasetPrepared,
  EvaluationCompleted,
  ModelMerged,
  RunCancelled,
  RetryRequested,
  StageFailed,
} from '@anneal/contracts';
import { publishTrainRequest } from '@anneal/messaging';
import { CompletionsServer, until, writeLetterTokenizer } from '@anneal/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TestEvaluator, type Knowledge, type TestRun } from './evaluator.fixture.js';

let evaluator: TestEvaluator;
beforeAll(async () => {
  evaluator = await TestEvaluator.start();
}, 120_000);
afterAll(() => evaluator.stop());
afterEach(() => evaluator.generator.setFaults({}));

const question = (index: number): string => `Question ${index}?`;
const answer = (index: number): string => `{"number":${index}}`;
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
/** A model that knows the first answers only. */
const knowing = (count: number): Knowledge => Object.fromEntries(numbers(count).map((n) => [question(n), answer(n)]));
const items = (id: string, count: number) =>
  numbers(count).map((n) => ({
    id: `${id}-${n}`,
    messages: [{ role: 'user', content: question(n) }],
    expected: answer(n),
  }));

/** A run with an own set of so many questions, of which base and tuned know the first ones. */
async function runOf(id: string, count: number, { base, tuned }: { base: number; tuned: number }): Promise<TestRun> {
  const source = `file:${evaluator.write(`${id}.jsonl`, items(id, count))}`;
  const evaluation = { benchmarks: [{ name: 'own-set' as const, source, score: 'json' as const }] };
  return evaluator.run(id, evaluation, { base: knowing(base), tuned: knowing(tuned) });
}
const request = async ({ spec }: TestRun): Promise<void> => {
  await publishTrainRequest(evaluator.broker, spec);
};
const prepare = (id: string, run: TestRun): Promise<void> => evaluator.say(DatasetPrepared, run.prepared);
const merge = (id: string, run: TestRun): Promise<void> => evaluator.say(ModelMerged, run.merged);
const judgeJobs = (id: string): Promise<number> => evaluator.count(`job WHERE kind = 'judge'`, id);
const answers = (id: string, subject: string): Promise<number> =>
  evaluator.count(`answer WHERE subject = '${subject}'`, id);

describe('an evaluation', () => {
  it('measures both models on the same items, stores the report and says the verdict', async () => {
    const source = `file:${evaluator.write('own.jsonl', items('plain', 8))}`;
    const heldOut = [
      { id: 'plain-h1', messages: [{ role: 'user', content: 'Capital of France?' }], expected: 'Paris' },
      { id: 'plain-h2', messages: [{ role: 'user', content: 'Capital of Italy?' }], expected: 'rome' },
    ];
    const run = await evaluator.run(
      'plain',
      { benchmarks: [{ name: 'held-out' }, { name: 'own-set', source, score: 'json' }] },
      { base: {}, tuned: { ...knowing(8), 'Capital of Italy?': ' Rome\n' }, heldOut },
    );
    await request(run);
    await prepare('plain', run);
    await merge('plain', run);
    const { evaluation, ...carried } = await evaluator.word(EvaluationCompleted, 'plain');
    expect(carried).toEqual(run.merged);
    const nothing = { correct: 0, wrong: 0, accuracy: 0 };
    expect(evaluation).toMatchObject({
      verdict: 'improved',
      reason: 'The tuned model is better on own-set, with 8 of 8 right instead of 0 (p = 0.016).',
      results: [
        {
          benchmark: 'held-out',
          items: 2,
          base: { ...nothing, wrong: 2, unparsed: 0 },
          tuned: { correct: 1, wrong: 1, unparsed: 0, accuracy: 0.5 },
          gained: 1,
          lost: 0,
          pValue: 1,
        },
        { benchmark: 'own-set', items: 8, base: { ...nothing, unparsed: 8 }, gained: 8, lost: 0, pValue: 0.0078125 },
      ],
    });
    const report = await evaluator.report(evaluation.report);
    expect(report).toMatchObject({ runId: 'plain', verdict: 'improved', results: evaluation.results });
    expect(report.items).toHaveLength(10);
    expect(report.items[1]).toMatchObject({
      benchmark: 'held-out',
      id: 'plain-h2',
      prompt: 'Capital of Italy?',
      expected: 'rome',
      base: { answer: 'Capital of Italy?', outcome: 'wrong', finish: 'stop' },
      tuned: { answer: ' Rome\n', outcome: 'correct', finish: 'stop' },
    });
    expect(report.flips?.['held-out']).toEqual({ gained: ['plain-h2'], lost: [] });
    expect(evaluation.alarms).toEqual(report.alarms);
    expect(report.alarms?.map(({ kind, benchmark }) => [kind, benchmark])).toEqual([['unparsed', 'own-set']]);
    expect(await evaluator.reportFiles(evaluation.report)).toEqual(['items.parquet', 'report.html', 'report.json']);
    expect(report.settings).toMatchObject({
      alpha: 0.05,
      base: { revision: run.merged.training.base.revision, inference: { form: 'batch', batch: 2 } },
      tuned: { artifact: run.merged.merge.artifact.digest, inference: { form: 'batch', batch: 2 } },
    });
    expect(evaluator.names('plain')).toEqual(['EvaluationCompleted']);
  });

  it('puts as many examples before a question as fit into the base, for both models', async () => {
    const mmlu = (id: number, more: object = {}) => ({
      ...{ question_id: id, question: 'Which?', options: ['x', 'y', 'z'], answer: 'B', category: 'math', ...more },
    });
    const worked = { cot_content: "A: Let's think step by step. The answer is (B)." };
    const examples = [1, 2, 3, 4, 5].map((id) => mmlu(id, worked));
    evaluator.write('validation.jsonl', examples);
    const source = `file:${evaluator.write('test.jsonl', [mmlu(6), mmlu(7, { question: 'Which one?'.repeat(9) })])}`;
    const benchmarks = [{ name: 'mmlu-pro' as const, source, answerTokens: 10 }];
    const run = await evaluator.run('fitting', { benchmarks }, {});
    // The tuned model has another tokenizer, and four times as many positions.
    writeLetterTokenizer(run.spec.model.base.replace('file:', ''), 512);
    await request(run);
    await prepare('fitting', run);
    await merge('fitting', run);
    const { evaluation } = await evaluator.word(EvaluationCompleted, 'fitting');
    const { settings, items: asked } = await evaluator.report(evaluation.report);
    const fitted = { 'mmlu-pro': { shots: 5, contextTokens: 512, loweredShots: { 2: 1, 1: 1 } } };
    expect(settings).toMatchObject({ base: { benchmarks: fitted }, tuned: { benchmarks: fitted } });
    expect(asked.map(({ prompt }) => prompt.split('Question:').length - 2)).toEqual([2, 1]);
  });

  it('tells how far each measurement is', async () => {
    const told = evaluator.progress.filter(({ runId, began }) => runId === 'plain' && began === undefined);
    // Which of the two is first is up to their workers.
    const measuring = told.filter(({ position }) => position === undefined);
    expect(new Set(measuring.map(({ phase }) => phase))).toEqual(new Set(['measuring base', 'measuring tuned']));
    // There is one CPU, so one of the two may have waited for it in line.
    for (const { phase, position } of told) if (position) expect(phase).toContain('waiting for the CPU');
    expect(told).toContainEqual(expect.objectContaining({ done: 10, total: 10, unit: 'items', secondsLeft: 0 }));
  });

  it('asks the tuned model anew, and it alone, when the merger works again', async () => {
    const run = await runOf('again', 3, { base: 1, tuned: 3 });
    await prepare('again', run);
    await merge('again', run);
    expect((await evaluator.word(EvaluationCompleted, 'again')).evaluation.results[0]?.tuned.correct).toBe(3);
    const word = { runId: 'again', by: 'test', turn: 2, from: 'merger' as const };
    await evaluator.say(RetryRequested, word);
    await until('the word', async () => (await answers('again', 'tuned')) === 0);
    // What the merger said before, for example because the broker lost it and it is said again.
    await evaluator.say(ModelMerged, run.merged, { id: 'from-before' });
    const { merged } = await runOf('another', 3, { base: 1, tuned: 2 });
    await evaluator.say(ModelMerged, { ...run.merged, merge: merged.merge }, { id: 'anew', turn: 2 });
    const { evaluation, merge: judged } = await evaluator.word(EvaluationCompleted, 'again', 2);
    expect(judged).toEqual(merged.merge);
    expect(evaluation.results[0]).toMatchObject({ base: { correct: 1 }, tuned: { correct: 2 } });
    expect([evaluator.asked('again', 'base').length, await answers('again', 'tuned')]).toEqual([3, 3]);
    expect(evaluator.names('again')).toEqual(['EvaluationCompleted', 'EvaluationCompleted']);
  });

  it('begins with the base as soon as the request is there, when no question comes out of the dataset', async () => {
    const run = await runOf('early', 3, { base: 1, tuned: 3 });
    await request(run);
    await until('the base', () => evaluator.asked('early', 'base').length === 3);
    await prepare('early', run);
    await merge('early', run);
    expect((await evaluator.word(EvaluationCompleted, 'early')).evaluation.verdict).toBe('inconclusive');
    expect(evaluator.asked('early', 'base')).toHaveLength(3);
  });

  it('judges once, whichever of the two is measured last', async () => {
    const run = await runOf('late', 8, { base: 8, tuned: 0 });
    await merge('late', run);
    await until('the tuned', () => evaluator.asked('late', 'tuned').length === 8);
    expect(await judgeJobs('late')).toBe(0);
    await prepare('late', run);
    const { evaluation } = await evaluator.word(EvaluationCompleted, 'late');
    expect(evaluation.verdict).toBe('regressed');
    const both = await runOf('both', 4, { base: 2, tuned: 2 });
    await Promise.all([merge('both', both), prepare('both', both), request(both)]);
    expect((await evaluator.word(EvaluationCompleted, 'both')).evaluation.reason).toContain('same items right');
    expect([await judgeJobs('late'), await judgeJobs('both')]).toEqual([1, 1]);
    expect([evaluator.names('late'), evaluator.names('both')]).toEqual([
      ['EvaluationCompleted'],
      ['EvaluationCompleted'],
    ]);
  });
});

describe('a measurement that is disturbed', () => {
  it('asks nothing twice after its generation was killed', async () => {
    evaluator.generator.setFaults({ dieAfter: 4 });
    const run = await runOf('killed', 10, { base: 0, tuned: 10 });
    await prepare('killed', run);
    await until('all questions', () => evaluator.asked('killed', 'base').length >= 10);
    await merge('killed', run);
    const { evaluation } = await evaluator.word(EvaluationCompleted, 'killed');
    expect(evaluation).toMatchObject({ verdict: 'improved', results: [{ items: 10 }] });
    expect(evaluator.asked('killed', 'base').toSorted()).toEqual(
      [...new Set(evaluator.asked('killed', 'base'))].toSorted(),
    );
    expect(evaluator.asked('killed', 'tuned')).toHaveLength(10);
    const starts = new Set(
      evaluator.generator
        .asked()
        .filter(({ id }) => id.includes('killed'))
        .map(({ pid }) => pid),
    );
    expect(starts.size).toBe(4);
  });

  it('goes on after its service was stopped, and asks no stored answer again', async () => {
    evaluator.generator.setFaults({ batchMs: 250 });
    const run = await runOf('stopped', 12, { base: 0, tuned: 12 });
    await prepare('stopped', run);
    await until('some answers', () => evaluator.asked('stopped', 'base').length >= 6);
    await evaluator.stopService();
    const stored = await answers('stopped', 'base');
    const before = evaluator.asked('stopped', 'base').length;
    expect(stored).toBeGreaterThanOrEqual(4);
    expect(stored).toBeLessThan(12);
    evaluator.generator.setFaults({});
    await evaluator.startService();
    await merge('stopped', run);
    await evaluator.word(EvaluationCompleted, 'stopped');
    // The batch that was under way has no answers and is asked again; nothing else is.
    expect(evaluator.asked('stopped', 'base').length - before).toBeLessThanOrEqual(12 - stored);
    expect(await answers('stopped', 'base')).toBe(12);
  });

  it('ends when the run is cancelled, with its generation', async () => {
    evaluator.generator.setFaults({ batchMs: 400 });
    const run = await runOf('cancelled', 20, { base: 0, tuned: 0 });
    await prepare('cancelled', run);
    await until('some questions', () => evaluator.asked('cancelled', 'base').length >= 2);
    await evaluator.say(RunCancelled, { runId: 'cancelled', name: 'x', seconds: 1, by: 'test', turn: 1 });
    const pid = evaluator.generator.asked().find(({ id }) => id.includes('cancelled'))?.pid ?? 0;
    await until('the end of the generation', () => !isAlive(pid));
    await merge('cancelled', run);
    const next = await runOf('next', 2, { base: 2, tuned: 2 });
    evaluator.generator.setFaults({});
    await prepare('next', next);
    await merge('next', next);
    await evaluator.word(EvaluationCompleted, 'next');
    expect(evaluator.asked('cancelled', 'tuned')).toEqual([]);
    expect(evaluator.names('cancelled')).toEqual([]);
  });
});

describe('a base that was measured before', () => {
  it('is asked nothing again by a later run, in whatever order its questions stand', async () => {
    const first = await runOf('first', 6, { base: 1, tuned: 6 });
    await prepare('first', first);
    await merge('first', first);
    await evaluator.word(EvaluationCompleted, 'first');
    const source = `file:${evaluator.write('second.jsonl', items('second', 7).toReversed())}`;
    const evaluation = { benchmarks: [{ name: 'own-set' as const, source, score: 'json' as const }] };
    const knowledge = { base: knowing(1), tuned: knowing(7), sameBaseAs: 'first' };
    const second = await evaluator.run('second', evaluation, knowledge);
    await prepare('second', second);
    await merge('second', second);
    const { evaluation: judged } = await evaluator.word(EvaluationCompleted, 'second');
    // The seventh question is new.
    expect(evaluator.asked('second', 'base')).toEqual(['own-set/second-7']);
    expect(evaluator.asked('second', 'tuned')).toHaveLength(7);
    expect(judged.results[0]).toMatchObject({ items: 7, base: { correct: 1, unparsed: 6 }, tuned: { correct: 7 } });
  });
});

describe('an evaluation over a server', () => {
  let server: CompletionsServer;
  const environment = (): Record<string, string> => ({
    INFERENCE_URL: server.url,
    CONCURRENCY: '4',
    LEASE_SECONDS: '2',
  });
  beforeAll(async () => {
    server = await CompletionsServer.start();
    await evaluator.stopService();
  });
  afterAll(async () => {
    await evaluator.stopService();
    await server.stop();
    await evaluator.startService();
  });
  const tunedKnows = (wanted: number): void => {
    server.answer = ({ text, model }) => {
      const number = Number(/\d+/.exec(text)?.[0]);
      return model.includes('-base') || number > wanted ? 'no idea' : answer(number);
    };
  };

  it('goes on after kill -9, and asks no stored answer again', async () => {
    tunedKnows(40);
    server.answerMs = 20;
    const run = await runOf('slain', 40, { base: 0, tuned: 40 });
    const process = await evaluator.startProcess(environment());
    await prepare('slain', run);
    await until('some questions', () => server.asked.length >= 16);
    process.kill('SIGKILL');
    const stored = await evaluator.answered('slain', 'base');
    const before = server.asked.length;
    expect(stored.length).toBeGreaterThan(4);
    expect(stored.length).toBeLessThan(40);
    await evaluator.startService(environment());
    await merge('slain', run);
    const { evaluation } = await evaluator.word(EvaluationCompleted, 'slain');
    expect(evaluation).toMatchObject({ verdict: 'improved', results: [{ items: 40, gained: 40 }] });
    const asked = server.asked.slice(before).filter(({ model }) => model.includes('slain-base'));
    expect(asked).toHaveLength(40 - stored.length);
    const storedTexts = stored.map((id) => question(Number(id.split('-').at(-1))));
    expect(asked.filter(({ text }) => storedTexts.includes(text))).toEqual([]);
  });

  it('leaves out what one of the two could not be asked, and names it', async () => {
    server.answerMs = 0;
    const run = await runOf('broken', 40, { base: 0, tuned: 40 });
    tunedKnows(40);
    const { answer: usual } = server;
    server.answer = (asked) => (asked.text === question(7) && asked.model.includes('-base') ? undefined : usual(asked));
    await prepare('broken', run);
    await merge('broken', run);
    const { evaluation } = await evaluator.word(EvaluationCompleted, 'broken');
    expect(evaluation.results[0]).toMatchObject({
      items: 39,
      base: { correct: 0, unparsed: 39, failed: 1 },
      tuned: { correct: 39 },
      gained: 39,
    });
    const report = await evaluator.report(evaluation.report);
    expect(report.items.filter(({ base }) => base.outcome === 'failed').map(({ id }) => id)).toEqual(['broken-7']);
  });
});

describe('an evaluation that cannot be', () => {
  it('names the rows of an own set that were trained on', async () => {
    const source = `file:${evaluator.write('seen.jsonl', items('seen', 3))}`;
    const train = [
      {
        messages: [
          { role: 'user', content: question(2) },
          { role: 'assistant', content: answer(2) },
        ],
      },
    ];
    const run = await evaluator.run('seen', { benchmarks: [{ name: 'own-set', source }] }, { train });
    await request(run);
    await merge('seen', run);
    expect((await evaluator.word(StageFailed, 'seen')).failure).toMatchObject({
      code: 'BENCHMARK_INVALID',
      message: 'Line 2 of seen.jsonl is in the training set too, question and answer.',
      row: 2,
    });
  });

  it('is refused when a set changes between base and tuned', async () => {
    const run = await runOf('changed', 3, { base: 0, tuned: 3 });
    await prepare('changed', run);
    await until('the base', () => evaluator.asked('changed', 'base').length === 3);
    await until('its answers', () => evaluator.progress.some(({ runId, done }) => runId === 'changed' && done === 3));
    evaluator.write(
      'changed.jsonl',
      items('changed', 3).map((item) => ({ ...item, expected: '{}' })),
    );
    await merge('changed', run);
    expect((await evaluator.word(StageFailed, 'changed')).failure).toMatchObject({
      code: 'BENCHMARK_INVALID',
      message: 'Item changed-1 of own-set is not the same for base and tuned.',
    });
  });

  it('is refused when another base was trained than the one that was measured', async () => {
    const run = await runOf('moved', 2, { base: 0, tuned: 2 });
    const { training } = run.merged;
    const merged = { ...run.merged, training: { ...training, base: { ...training.base, revision: 'another' } } };
    await prepare('moved', run);
    await evaluator.say(ModelMerged, merged);
    expect((await evaluator.word(StageFailed, 'moved')).failure).toMatchObject({ code: 'MODEL_INVALID' });
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
