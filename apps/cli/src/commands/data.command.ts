import type { DataReport, PreviewRow } from '@anneal/contracts';
import { Command } from 'commander';
import { dataCommand, type DataOptions } from '../data/data.options.js';
import { fileLines, refusalLines, reportLines, warningLines } from '../data/report.lines.js';
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
  const { report, files } = await lookAtData(source, options);
  if (options.json) printJson(report);
  else console.log([...fileLines(files), ...reportLines(report)].join('\n'));
  const warned = options.strict && report.warnings.length > 0;
  process.exitCode = report.refusal ? status.refused : warned ? status.withWarnings : status.usable;
}

async function preview(source: string, options: DataOptions): Promise<void> {
  const { lookAtData } = await import('../data/look.at.data.js');
  const { report, files } = await lookAtData(source, options);
  const { format, template, warnings, preview: rows, refusal } = report;
  if (options.json) printJson({ format, template, rows, warnings, ...(refusal ? { refusal } : {}) });
  else {
    const around = [...warningLines(report), ...refusalLines(report)];
    console.log([...fileLines(files), ...describeTemplate(report), ...rows.flatMap(rowLines), ...around].join('\n'));
  }
  if (refusal) process.exitCode = status.refused;
}

async function refused(options: DataOptions, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    reportError(error, options.json);
    // Whatever went wrong, it does not mean that the data is usable with warnings.
    process.exitCode = status.refused;
  }
}

const forms = {
  'load-qa': 'Prompt: alpaca_chat.load_qa.',
  completion: 'Prompt: none, the text is trained as it stands.',
} as const;

function describeTemplate({ template, warnings }: DataReport): string[] {
  const isMissing = warnings.some(({ code }) => code === 'no-tokenizer');
  const why = isMissing ? 'The tokenizer of the base model is not at hand' : 'No base model is given (--base)';
  if (!template) return [`${why}: rows are shown by their roles. What is learnt stands in «».`];
  const special = Object.entries(template.specialTokens).map(([name, token]) => `${name} ${token}`);
  const own = template.family ? `that of ${template.family}, since the base model has none` : "the base model's own";
  const shown = template.chatTemplate ? own : 'none, so rows are shown by their roles';
  return [
    template.prompt === 'chat' ? `Chat template: ${shown}.` : forms[template.prompt],
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
