import { sampleEvents } from '@anneal/testing';
import { describe, expect, it } from 'vitest';
import { alarmLines, datasetLines } from './run-lines.js';
import { scoreTable } from './scores.js';

const { prepared, evaluated } = sampleEvents('r1');

describe('what came of a run', () => {
  it('has the interval of every difference, and none where the evaluator said none', () => {
    const [result] = evaluated.evaluation.results;
    if (!result) throw new Error('a result is needed');
    const { interval: _interval, ...older } = result;
    const shown = scoreTable([{ ...result, difference: 0.1, interval: [-0.012, 0.25] }, older]).split('\n');
    expect(shown[0]).toContain('points  95 % interval  gained');
    expect(shown[2]).toContain('+10.0   -1.2 to +25.0  0');
    expect(shown[3]).toMatch(/\+0\.0 {2,}0 {2,}0 {2,}1\.000$/);
  });

  it('has its alarms, one line each', () => {
    expect(alarmLines(evaluated.evaluation.alarms)).toEqual(['alarm (identical): Both gave the same answers.']);
    expect(alarmLines()).toEqual([]);
  });

  it('has what became of the rows, and what the dataset stage warns of', () => {
    const { artifact: _artifact, ...dataset } = prepared.dataset;
    const rows = { read: 20, train: 12, heldOut: 1, duplicates: 4, dropped: 3 };
    const report = { format: 'chat', dropped: 1, nearDuplicates: 3, contaminated: { flagged: 3, removed: 2 } };
    const head = 'Data: 20 rows read; 12 to train on, 1 held out, 4 duplicates';
    expect(datasetLines({ ...dataset, rows })).toEqual([`${head}, 3 dropped.`]);
    expect(
      datasetLines({ ...dataset, rows, report: { ...report, warnings: ['rows-dropped', 'contaminated'] } }),
    ).toEqual([
      `${head} (3 near), 3 dropped.`,
      '  3 rows held a question of a benchmark; 2 of them are removed.',
      '  warnings: rows-dropped, contaminated',
    ]);
    const clean = { ...report, contaminated: { flagged: 0, removed: 0 }, warnings: [] };
    expect(datasetLines({ ...dataset, rows, report: clean })).toHaveLength(1);
  });
});
