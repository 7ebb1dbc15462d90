import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { Rescored } from '@anneal/evaluation';
import { Command, Option } from 'commander';
import { percent } from '../terminal/scores.js';
import { table } from '../terminal/table.js';
import { printJson } from './options.js';

interface RescoreOptions {
  data: string;
  outputs: string;
  items?: string;
  json: boolean;
}

/** Scores what a model has answered already: no model is asked, and no server has to run. */
export function rescoreCommand(): Command {
  return new Command('rescore')
    .description('score stored outputs of a model again')
    .addOption(mmluProOption())
    .requiredOption('--data <path>', 'folder of the benchmark, as the Hub has it or as JSON lines; or its test file')
    .requiredOption('--outputs <file>', 'lines with question_id and model_outputs, .jsonl or .jsonl.gz')
    .option('--items <file>', 'write lines {"id", "correct"} there, as "anneal compare" takes them')
    .option('--json', 'print nothing but JSON on standard output', false)
    .action(async ({ data, outputs, items, json }: RescoreOptions) => {
      const { rescoreMmluPro } = await import('@anneal/evaluation');
      const rescored = await rescoreMmluPro({ data, outputs });
      if (items !== undefined) await writeItems(items, rescored);
      if (json) return printJson(rescored);
      console.log(describe(rescored));
    });
}

export function mmluProOption(): Option {
  return new Option('--benchmark <name>', 'which benchmark').choices(['mmlu-pro']).makeOptionMandatory();
}

async function writeItems(path: string, { items }: Rescored): Promise<void> {
  const lines = items.map(({ question_id: id, correct }) => `${JSON.stringify({ id, correct })}\n`);
  await pipeline(lines, createWriteStream(path));
}

function describe({ n, correct, wrong, unparsed, accuracy, guessAdjusted, otherAnswers }: Rescored): string {
  const headings = ['items', 'correct', 'wrong', 'unparsed', 'accuracy', 'with a guess for each unparsed'];
  const row = [String(n), String(correct), String(wrong), String(unparsed), percent(accuracy), percent(guessAdjusted)];
  const revision =
    otherAnswers > 0
      ? [`\n${otherAnswers} outputs carry another answer than the data: they are of another revision.`]
      : [];
  return [table(headings, [row]), ...revision].join('\n');
}
