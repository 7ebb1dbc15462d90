import { runView } from '@anneal/contracts';
import { describe, expect, it } from 'vitest';
import { sampleEvents, sampleSpec } from '@anneal/testing';
import { openedRun, rejectedRun } from './run.record.js';
import { runRow, runValues, runColumns, toRecord } from './run.row.js';
import { evaluationCompleted, modelPublished } from './run-state.js';
import { toRunView } from './run.view.js';

const at = '2026-01-01T00:00:00.000Z';
const events = sampleEvents('r1');

/** A row as the database would give it back. */
function rowOf(run: Parameters<typeof runValues>[0]): unknown {
  const json = new Set([
    'spec',
    'renewed',
    'dataset',
    'plan',
    'training',
    'merge',
    'results',
    'report',
    'problems',
    'failure',
  ]);
  const values = runValues(run);
  const entries = runColumns.map((column, index) => {
    const value = values[index];
    if (typeof value !== 'string') return [column, value];
    if (json.has(column)) return [column, JSON.parse(value) as unknown];
    return [column, column.endsWith('_at') ? new Date(value) : value];
  });
  return { id: run.id, version: run.version, change: String(run.change), ...(Object.fromEntries(entries) as object) };
}

describe('the view of a run', () => {
  it('fits the contract, whatever the run has gone through', () => {
    const opened = openedRun(sampleSpec('r1'), at);
    const done = modelPublished(
      evaluationCompleted(opened, at, events.evaluated.evaluation).run,
      at,
      events.published,
    ).run;
    const rejected = rejectedRun('r2', [{ field: 'model', message: 'is missing' }], at);
    for (const run of [opened, done, rejected]) {
      expect(runView.strict().parse(toRunView(run))).toEqual(JSON.parse(JSON.stringify(toRunView(run))));
    }
  });

  it('is the same after a way through the database', () => {
    const opened = openedRun(sampleSpec('r1'), at);
    const done = evaluationCompleted(opened, at, events.evaluated.evaluation).run;
    const back = toRecord(runRow.parse(rowOf(done)), []);
    expect({ ...back, stages: done.stages }).toEqual(done);
  });
});
