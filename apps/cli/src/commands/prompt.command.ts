import { Failure } from '@anneal/contracts';
import { Command, InvalidArgumentError } from 'commander';
import { taskOf, withTaskOptions, type TaskOptions } from './task.options.js';

interface PromptOptions extends TaskOptions {
  benchmark: string;
  data?: string;
  question: string;
  shots?: number;
}

const digits = /^\d{1,9}$/;

/** Shows what a model is asked, to the byte: not even a line end is added. */
export function promptCommand(): Command {
  return withTaskOptions(new Command('prompt'))
    .description('print the exact prompt of one question of a benchmark, and nothing else')
    .requiredOption('--benchmark <name>', 'mmlu-pro, or lm-eval:TASK (a task, a group or a tag)')
    .option('--data <path>', 'with mmlu-pro: its folder, as the Hub has it or as JSON lines')
    .requiredOption('--question <id>', 'question_id of the question; with lm-eval the id of an item')
    .option('--shots <k>', "examples before it (default: 5, or the task's own number)", wholeNumber)
    .addHelpText('after', '\nA conversation, which each model writes by its own template, is printed as JSON.')
    .action(async (options: PromptOptions, command: Command) => {
      if (options.benchmark === 'mmlu-pro' && !digits.test(options.question))
        command.error("error: option '--question <id>' of mmlu-pro must be a whole number");
      process.stdout.write(await promptOf(options));
    });
}

async function promptOf(options: PromptOptions): Promise<string> {
  const { benchmark, data, question, shots, prompt = 'completion', oneTurn, system, include } = options;
  const { mmluProPrompt, taskPrompt } = await import('@anneal/evaluation');
  if (benchmark === 'mmlu-pro' && data !== undefined)
    return mmluProPrompt({ data, question: Number(question), shots: shots ?? 5, form: prompt });
  const task = taskOf(benchmark);
  if (task === undefined) {
    throw new Failure('BENCHMARK_INVALID', `${benchmark} has no prompts that could be printed.`, {
      remedy: 'Name mmlu-pro with --data DIR, or lm-eval:TASK.',
    });
  }
  const { installHarness } = await import('../evaluation/installed.harness.js');
  const multiturn = prompt === 'chat' ? !oneTurn : undefined;
  return taskPrompt({ task, shots, prompt, multiturn, system }, question, await installHarness(include));
}

function wholeNumber(text: string): number {
  if (digits.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
}
