import type { Comparison } from '@anneal/evaluation';
import { Command, InvalidArgumentError } from 'commander';
import { percent, points, range } from '../terminal/scores.js';
import { table } from '../terminal/table.js';
import { printJson } from './options.js';

interface CompareOptions {
  alpha: number;
  minimumEffect: number;
  json: boolean;
}

/** The paired test of two item files: what a run says about base and tuned, without a run. */
export function compareCommand(): Command {
  return new Command('compare')
    .description('compare two models by their items: paired test, interval, verdict')
    .argument('<base.jsonl>', 'lines {"id", "correct"} of the one, .jsonl or .jsonl.gz')
    .argument('<tuned.jsonl>', 'the same items of the other')
    .option('--alpha <p>', 'a difference counts when its p-value is below this', between(0, 0.5), 0.05)
    .option('--minimum-effect <share>', 'accuracy that has to be gained: 0.01 is one point', between(0, 1), 0)
    .option('--json', 'print nothing but JSON on standard output', false)
    .addHelpText('after', '\nExit status: 0 the two were compared, whatever the verdict is.')
    .action(async (base: string, tuned: string, { alpha, minimumEffect, json }: CompareOptions) => {
      const { compareItemFiles } = await import('@anneal/evaluation');
      const comparison = await compareItemFiles(base, tuned, { alpha, minimumEffect });
      if (json) return printJson(comparison);
      console.log(describe(comparison));
    });
}

function between(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && value >= low && value <= high) return value;
    throw new InvalidArgumentError(`It must be a number from ${low} to ${high}.`);
  };
}

function describe({
  n,
  base,
  tuned,
  difference,
  interval,
  pValue,
  minimumDetectable,
  flips,
  verdict,
  reason,
}: Comparison): string {
  const headings = ['items', 'base right', 'tuned right', 'points', '95 % interval', 'gained', 'lost', 'p'];
  const row = [
    String(n),
    `${base.correct} (${percent(base.accuracy)})`,
    `${tuned.correct} (${percent(tuned.accuracy)})`,
    points(difference),
    range(interval),
    String(flips.gained),
    String(flips.lost),
    pValue < 0.001 ? pValue.toExponential(1) : pValue.toFixed(3),
  ];
  const detectable =
    minimumDetectable === null
      ? 'With so few items that differ, no difference is shown in 8 of 10 cases.'
      : `So many items show a difference of ${(minimumDetectable * 100).toFixed(1)} points in 8 of 10 cases.`;
  return [table(headings, [row]), '', `${verdict}: ${reason}`, detectable].join('\n');
}
