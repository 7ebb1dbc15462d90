import type { EvaluationReport } from '@anneal/contracts';
import { runComparison } from '@anneal/contracts';
import { sampleEvents, sampleSpec } from '@anneal/testing';
import { describe, expect, it } from 'vitest';
import { differencesOf } from './differences.js';
import { compareRuns, pairItems } from './run.comparison.js';
import { openedRun, type RunRecord } from './run.record.js';
import { evaluationCompleted, trainingCompleted } from './run-state.js';

const at = (second: number) => `2026-01-01T00:00:${String(second).padStart(2, '0')}.000Z`;
const events = sampleEvents('r1');
const trained = (run: RunRecord): RunRecord => trainingCompleted(run, at(5), events.trained.training).run;

describe('two runs side by side', () => {
  it('differ field by field, but not by their ids and names', () => {
    const spec = sampleSpec('r2');
    const a = trained(openedRun(sampleSpec('r1'), at(0)));
    const b = openedRun({ ...spec, training: { ...spec.training, epochs: 3, maxSteps: 9 } }, at(0));
    const comparison = compareRuns(a, b);
    expect(comparison.spec).toEqual([
      { field: 'training.epochs', a: 1, b: 3 },
      { field: 'training.maxSteps', b: 9 },
    ]);
    expect(comparison.plan).toContainEqual({ field: 'learningRate', a: 0.001 });
    expect(comparison.a.training).toEqual({ loss: { first: 2, last: 1 }, steps: 10, seconds: 3, resumed: 0 });
    expect(comparison.b).not.toHaveProperty('training');
    expect(runComparison.strict().parse(comparison)).toEqual(comparison);
  });

  it('have the results of every benchmark of either', () => {
    const a = evaluationCompleted(openedRun(sampleSpec('r1'), at(0)), at(1), events.evaluated.evaluation).run;
    const { benchmarks } = compareRuns(a, openedRun(sampleSpec('r2'), at(0)));
    expect(benchmarks).toEqual([{ benchmark: 'held-out', a: events.evaluated.evaluation.results[0] }]);
  });

  it('take lists as one value', () => {
    expect(differencesOf({ x: [1], y: { z: null } }, { x: [1, 2], y: { z: null } })).toEqual([
      { field: 'x', a: [1], b: [1, 2] },
    ]);
  });
});

describe('items of two reports', () => {
  const report = (outcomes: readonly ('correct' | 'wrong')[], prompt = 'q'): EvaluationReport => ({
    ...{ runId: 'r', verdict: 'improved', reason: '', results: [], settings: {} },
    items: outcomes.map((outcome, n) => ({
      ...{ benchmark: 'own-set', id: String(n), prompt: `${prompt} ${n}`, expected: 'x' },
      base: { answer: '', outcome: 'wrong' },
      tuned: { answer: '', outcome },
    })),
  });
  const [all, first, none] = [report(['correct', 'correct']), report(['correct', 'wrong']), report(['wrong', 'wrong'])];

  it('are paired where they are the same', () => {
    expect(pairItems('own-set', all, first)).toEqual({
      ...{ items: 2, bothRight: 1, onlyARight: 1, onlyBRight: 0, noneRight: 0 },
    });
    expect(pairItems('own-set', none, all)).toMatchObject({ onlyBRight: 2 });
  });

  it('are not paired where a question differs or is missing', () => {
    expect(pairItems('own-set', all, report(['correct', 'correct'], 'another'))).toBeUndefined();
    expect(pairItems('own-set', all, report(['correct']))).toBeUndefined();
    expect(pairItems('mmlu-pro', all, first)).toBeUndefined();
  });
});
