import { expect, it } from 'vitest';
import { groupScores } from './group.scores.js';

const items = (subject: string, right: number, wrong: number) =>
  Array.from({ length: right + wrong }, (_, index) => ({ subject, isRight: index < right }));
const subjects = ['small', 'large', 'unasked'];

it('sums subjects up by their items, or counts each of them once, and leaves out what was not asked', () => {
  const asked = [...items('small', 1, 1), ...items('large', 6, 0)];
  const groups = [
    { name: 'by-items', subjects, weighted: true },
    { name: 'by-subjects', subjects, weighted: false },
    { name: 'nothing', subjects: ['unasked'], weighted: true },
  ];
  expect(groupScores(groups, asked)).toEqual([
    { group: 'by-items', subjects: 2, items: 8, weighted: true, accuracy: 7 / 8 },
    { group: 'by-subjects', subjects: 2, items: 8, weighted: false, accuracy: 0.75 },
  ]);
});
