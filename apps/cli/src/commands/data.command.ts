import { Failure, type DataReport, type PreviewRow } from '@anneal/contracts';
import { Command } from 'commander';
import { dataCommand, type DataOptions } from '../data/data.options.js';
import { reportLines } from '../data/report.lines.js';
import { paint } from '../terminal/colours.js';
import { reportError } from '../terminal/errors.js';
import { printJson } from './options.js';

interface CheckOptions extends DataOptions {
  readonly strict: boolean;
}

/** Exit statuses of these commands. */
const status = { usable: 0, withWarnings: 1, refused: 2 } as const;

const statusHelp = '\nExit status: 0 usable, 1 usable with warnings under --strict, 2 refused.';

/** Data without a run: checked and shown on this machine, as the dataset service would do it. */
export function dataCommands(): Command {
  return new Command('data')
    .description('look at training data before a run: what is in it, and what a model would see')
    .addCommand(
      dataCommand('check', 'check data as a run would, with no server running')
        .option('--strict', 'let warnings fail the check', false)
        .addHelpText('after', statusHelp)
        .action((source: string, options: CheckOptions) => refused(options, () => check(source, options))),
    )
    .addCommand(
      dataCommand('preview', 'show the first rows as the model will see them, and which part of them it learns')
        .addHelpText('after', '\nExit status: 0 shown, 2 refused.')
        .action((source: string, options: DataOptions) => refused(options, () => preview(source, options))),
    );
}

async function check(source: string, options: CheckOptions): Promise<void> {
  const { lookAtData } = await import('../data/look.at.data.js');
  const report = await lookAtData(source, options);
  if (options.json) printJson(report);
  else console.log(reportLines(report).join('\n'));
  const warned = options.strict && report.warnings.length > 0;
  process.exitCode = report.refusal ? status.refused : warned ? status.withWarnings : status.usable;
}

async function preview(source: string, options: DataOptions): Promise<void> {
  const { lookAtData } = await import('../data/look.at.data.js');
  const report = await lookAtData(source, options);
  const { format, template, warnings, preview: rows } = report;
  if (options.json) printJson({ format, template, rows, warnings });
  else console.log([...describeTemplate(report), ...rows.flatMap(rowLines)].join('\n'));
}

async function refused(options: DataOptions, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    reportError(error, options.json);
    process.exitCode = error instanceof Failure ? status.refused : 1;
  }
}

function describeTemplate({ template }: DataReport): string[] {
  if (!template)
    return ['No base model is given (--base): rows are shown by their roles. What is learnt stands in «».'];
  const special = Object.entries(template.specialTokens).map(([name, token]) => `${name} ${token}`);
  return [
    template.prompt === 'load-qa'
      ? 'Prompt: alpaca_chat.load_qa.'
      : `Chat template: ${template.chatTemplate ? "the base model's own" : 'none'}.`,
    `A turn ends with ${template.endOfTurn.join(' or ') || 'no token that is known'}. Special tokens: ${special.join(', ') || 'none'}.`,
    'What is learnt stands in «».',
  ];
}

function rowLines({ row, tokens, parts, rejected }: PreviewRow): string[] {
  const title = paint('bold', `row ${row}${tokens === null ? '' : `, ${tokens} tokens`}`);
  if (!rejected) return ['', title, textOf(parts, 'green')];
  return ['', title, 'chosen:', textOf(parts, 'green'), 'rejected:', textOf(rejected, 'red')];
}

function textOf(parts: PreviewRow['parts'], colour: 'green' | 'red'): string {
  return parts
    .map(({ text, trained }) => (trained ? paint(colour, `«${text}»`) : text))
    .join('')
    .trimEnd();
}
