import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { printJson } from './options.js';

export function askCommand(): Command {
  return new Command('ask')
    .description('ask a model in a folder something, with no server running')
    .argument('<model>', 'folder of the model')
    .argument('<prompt>', 'what to ask')
    .option(
      '--template <file>',
      'text around the prompt, with {prompt} in its place (default: anneal-prompt.txt of the model, if it has one)',
    )
    .option('--max-new-tokens <n>', 'how long the answer may be', tokens, 64)
    .option('--json', 'print nothing but JSON on standard output', false)
    .action(
      async (model: string, prompt: string, options: { template?: string; maxNewTokens: number; json: boolean }) => {
        const { askModel } = await import('../ask/ask.model.js');
        const text = await askModel(resolve(model), prompt, options);
        if (options.json) return printJson({ model, prompt, answer: text });
        console.log(text);
      },
    );
}

function tokens(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('It must be a whole number of at least 1.');
  return value;
}
