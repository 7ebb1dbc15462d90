import type { ComparedRun, Difference, RunComparison } from '@anneal/contracts';
import type { Command } from 'commander';
import { findGateway } from '../gateway/endpoints.js';
import { GatewayClient } from '../gateway/gateway.client.js';
import { duration } from '../terminal/durations.js';
import { table } from '../terminal/table.js';
import { clientCommand, printJson, type ClientOptions } from './options.js';

/** Two runs side by side: what was asked for, how it went, what came out. */
export function compareRunsCommand(): Command {
  return clientCommand('compare', 'hold two runs against each other')
    .argument('<a>', 'id of one run')
    .argument('<b>', 'id of the other run')
    .action(async (a: string, b: string, _own: unknown, command: Command) => {
      // The parent knows the same options, and takes them first.
      const options = command.optsWithGlobals<ClientOptions>();
      const comparison = await new GatewayClient(await findGateway(options.data)).compare(a, b);
      if (options.json) return printJson(comparison);
      console.log(describeComparison(comparison).join('\n'));
    });
}

function describeComparison({ a, b, benchmarks, stages, ...differences }: RunComparison): string[] {
  const lines = [outcomeTable(a, b)];
  for (const [title, found] of Object.entries(differences)) {
    lines.push('', found.length === 0 ? `${title}: the same` : differenceTable(title, found));
  }
  const timed = stages.filter((stage) => stage.a !== undefined || stage.b !== undefined);
  if (timed.length > 0) {
    lines.push(
      '',
      table(
        ['stage', 'a', 'b'],
        timed.map((stage) => [stage.stage, span(stage.a), span(stage.b)]),
      ),
    );
  }
  for (const { benchmark, a: left, b: right, paired } of benchmarks) {
    lines.push('', `${benchmark}: a ${score(left)}, b ${score(right)}`);
    if (paired) {
      const { items, bothRight, onlyARight, onlyBRight, noneRight } = paired;
      lines.push(
        `  the same ${items} items: both right ${bothRight}, only a ${onlyARight}, only b ${onlyBRight}, none ${noneRight}`,
      );
    }
  }
  return lines;
}

function outcomeTable(a: ComparedRun, b: ComparedRun): string {
  const row = (title: string, value: (run: ComparedRun) => string | undefined): string[] => [
    title,
    value(a) ?? '-',
    value(b) ?? '-',
  ];
  return table(
    ['', 'a', 'b'],
    [
      row('run', ({ id }) => id),
      row('state', ({ state }) => state),
      row('took', ({ seconds }) => span(seconds)),
      row('verdict', ({ verdict }) => verdict),
      row('published as', ({ publishedTo }) => publishedTo),
      row('steps', ({ training }) => training && String(training.steps)),
      row('loss', ({ training }) => training && `${training.loss.first.toFixed(3)} > ${training.loss.last.toFixed(3)}`),
      row('tokens', ({ training }) => (training?.tokens === undefined ? undefined : String(training.tokens))),
    ],
  );
}

function differenceTable(title: string, differences: readonly Difference[]): string {
  const shown = (value: unknown): string => (value === undefined ? '-' : JSON.stringify(value));
  return table(
    [title, 'a', 'b'],
    differences.map(({ field, a, b }) => [field, shown(a), shown(b)]),
  );
}

function span(seconds: number | undefined): string {
  return seconds === undefined ? '-' : duration(seconds);
}

function score(result: RunComparison['benchmarks'][number]['a']): string {
  if (!result) return 'not measured';
  const percent = (accuracy: number): string => `${(100 * accuracy).toFixed(1)} %`;
  return `${percent(result.base.accuracy)} > ${percent(result.tuned.accuracy)} of ${result.items}`;
}
