import { Command, InvalidArgumentError } from 'commander';
import { mmluProOption } from './rescore.command.js';

interface PromptOptions {
  data: string;
  question: number;
  shots: number;
}

/** Shows what a model is asked, to the byte: not even a line end is added. */
export function promptCommand(): Command {
  return new Command('prompt')
    .description('print the exact prompt of one question of a benchmark, and nothing else')
    .addOption(mmluProOption())
    .requiredOption('--data <path>', 'folder of the benchmark, as the Hub has it or as JSON lines')
    .requiredOption('--question <id>', 'question_id of the question', wholeNumber)
    .option('--shots <k>', 'examples before it', wholeNumber, 5)
    .action(async ({ data, question, shots }: PromptOptions) => {
      const { mmluProPrompt } = await import('@anneal/evaluation');
      process.stdout.write(await mmluProPrompt({ data, question, shots }));
    });
}

function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
}
