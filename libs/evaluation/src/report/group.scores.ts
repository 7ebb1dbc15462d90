import type { SubjectGroup } from '../benchmarks/benchmark.js';
import { groupBy } from '../benchmarks/sample.js';

/** A group of subjects with the accuracy in it, by the rule of whoever made it. */
export interface GroupScore {
  readonly group: string;
  /** Of which some item was asked. */
  readonly subjects: number;
  readonly items: number;
  readonly weighted: boolean;
  /** From 0 to 1. */
  readonly accuracy: number;
}

/** Sums groups up as lm-eval does: over their items, or over the accuracies in their subjects; a group without items is left out. */
export function groupScores(
  groups: readonly SubjectGroup[],
  items: readonly { readonly subject: string; readonly isRight: boolean }[],
): GroupScore[] {
  const bySubject = groupBy(items, ({ subject }) => subject);
  return groups.flatMap(({ name, subjects, weighted }) => {
    const asked = subjects.flatMap((subject) => {
      const own = bySubject.get(subject);
      return own ? [own] : [];
    });
    if (asked.length === 0) return [];
    const all = asked.flat();
    const accuracy = weighted ? shareRight(all) : asked.reduce((sum, own) => sum + shareRight(own), 0) / asked.length;
    return [{ group: name, subjects: asked.length, items: all.length, weighted, accuracy }];
  });
}

function shareRight(items: readonly { readonly isRight: boolean }[]): number {
  return items.filter(({ isRight }) => isRight).length / items.length;
}
