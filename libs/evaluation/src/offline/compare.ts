import { basename } from 'node:path';
import { Failure, type BenchmarkResult, type Verdict } from '@anneal/contracts';
import { z } from 'zod';
import { readJsonLines } from '../benchmarks/json-lines.js';
import { resultsOf } from '../verdict/results.js';
import { judge, type Policy } from '../verdict/verdict.js';
import { requireFile } from './file.js';

const id = z.union([z.string().min(1), z.number().transform(String)]);
const correct = z.union([z.boolean(), z.literal([0, 1]).transform(Boolean)]);
const itemLine = z.union([
  z.object({ id, correct }),
  // As "anneal rescore --json" names them.
  z.object({ question_id: id, correct }).transform((line) => ({ id: line.question_id, correct: line.correct })),
]);

/** Two models on the same items: the paired test, and what it says. */
export interface Comparison {
  readonly n: number;
  readonly base: { readonly correct: number; readonly accuracy: number };
  readonly tuned: { readonly correct: number; readonly accuracy: number };
  readonly difference: number;
  readonly interval: readonly [number, number];
  readonly pValue: number;
  readonly minimumDetectable: number | null;
  readonly flips: { readonly gained: number; readonly lost: number };
  /** Ids of the items that only one of the two got right. */
  readonly flipped: { readonly gained: readonly string[]; readonly lost: readonly string[] };
  readonly verdict: Verdict;
  readonly reason: string;
}

/**
 * Holds the items of two files against each other: the first is the base, the second the tuned model.
 *
 * @throws Failure BENCHMARK_INVALID when the files are not of the same items, naming file and row
 */
export async function compareItemFiles(baseFile: string, tunedFile: string, policy: Policy): Promise<Comparison> {
  const base = await readItems(baseFile);
  const tuned = await readItems(tunedFile);
  requireSameItems(base, basename(baseFile), tuned, basename(tunedFile));
  const outcome = (isCorrect: boolean | undefined) => (isCorrect ? ('correct' as const) : ('wrong' as const));
  const pairs = [...base].map(([item, isCorrect]) => ({
    benchmark: 'these items',
    base: outcome(isCorrect),
    tuned: outcome(tuned.get(item)),
  }));
  const [result] = resultsOf(pairs, policy.alpha);
  if (!result) throw noItems(basename(baseFile));
  const ids = [...base.keys()];
  const only = (right: 'base' | 'tuned', not: 'base' | 'tuned'): string[] =>
    ids.filter((_, index) => pairs[index]?.[right] === 'correct' && pairs[index][not] !== 'correct');
  return comparisonOf(result, { gained: only('tuned', 'base'), lost: only('base', 'tuned') }, policy);
}

function comparisonOf(result: BenchmarkResult, flipped: Comparison['flipped'], policy: Policy): Comparison {
  const { items, base, tuned, difference, interval = [0, 0], pValue, minimumDetectable, gained, lost } = result;
  const { verdict, reason } = judge([result], policy);
  const side = ({ correct: right, accuracy }: typeof base) => ({ correct: right, accuracy });
  return {
    ...{ n: items, base: side(base), tuned: side(tuned), difference, interval, pValue },
    ...{ minimumDetectable: minimumDetectable ?? null, flips: { gained, lost }, flipped, verdict, reason },
  };
}

async function readItems(path: string): Promise<Map<string, boolean>> {
  await requireFile(path);
  const name = basename(path);
  const items = new Map<string, boolean>();
  for await (const { row, value } of readJsonLines(path, name)) {
    const line = itemLine.safeParse(value);
    if (!line.success) throw invalid('is no item with id and correct (true or false)', name, row);
    if (items.has(line.data.id)) throw invalid(`repeats the item ${line.data.id}`, name, row);
    items.set(line.data.id, line.data.correct);
  }
  if (items.size === 0) throw noItems(name);
  return items;
}

function requireSameItems(
  base: ReadonlyMap<string, boolean>,
  baseName: string,
  tuned: ReadonlyMap<string, boolean>,
  tunedName: string,
): void {
  for (const [from, missingIn, name] of [
    [base, tuned, tunedName],
    [tuned, base, baseName],
  ] as const) {
    const missing = [...from.keys()].filter((item) => !missingIn.has(item));
    if (missing.length === 0) continue;
    const more = missing.length > 5 ? ` and ${missing.length - 5} more` : '';
    throw new Failure('BENCHMARK_INVALID', `${name} lacks the items ${missing.slice(0, 5).join(', ')}${more}.`, {
      remedy: 'Give files of the same items: the test is paired, and items of one side only would bias it.',
      file: name,
    });
  }
}

function invalid(problem: string, file: string, row: number): Failure {
  return new Failure('BENCHMARK_INVALID', `Row ${row} of ${file} ${problem}.`, {
    remedy: 'Write lines {"id": "...", "correct": true}, each id once.',
    file,
    row,
  });
}

function noItems(file: string): Failure {
  return new Failure('BENCHMARK_INVALID', `${file} has no item.`, {
    remedy: 'Write lines {"id": "...", "correct": true}.',
    file,
  });
}
