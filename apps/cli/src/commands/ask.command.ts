import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Failure } from '@anneal/contracts';
import { runToEnd } from '@anneal/compute';
import { engineProcessEnv, generateCommand } from '@anneal/engine';
import { installEngine } from '@anneal/engine/install';
import { Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { printJson } from './options.js';

const answer = z.object({ text: z.string() });

/** Lies beside a model that was trained with a fixed text around every prompt. */
export const promptTemplateName = 'anneal-prompt.txt';

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
        const text = await ask(resolve(model), prompt, options);
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

async function ask(
  model: string,
  prompt: string,
  options: { template?: string; maxNewTokens: number },
): Promise<string> {
  const engine = await installEngine({ log: (line) => void process.stderr.write(`${line}\n`) });
  const folder = await mkdtemp(join(tmpdir(), 'anneal-ask-'));
  const [input, output] = [join(folder, 'prompts.jsonl'), join(folder, 'answers.jsonl')];
  try {
    const template = await readTemplate(model, options.template);
    const content = template === undefined ? prompt : template.replace('{prompt}', () => prompt);
    await writeFile(input, `${JSON.stringify({ id: 'ask', messages: [{ role: 'user', content }] })}\n`);
    const { maxNewTokens: answerTokens } = options;
    const result = await runToEnd({
      ...generateCommand(engine, { model, input, output, batch: 1, answerTokens, device: 'cpu' }),
      env: engineProcessEnv(engine, { home: folder }),
      cwd: folder,
    });
    if (result.code !== 0) {
      throw new Failure(
        'MODEL_INVALID',
        `The model in ${model} could not be asked: ${result.stderr.trim().split('\n').at(-1) ?? ''}.`,
        {
          remedy: 'Name a folder that holds config.json, weights and a tokenizer.',
          file: model,
        },
      );
    }
    return answer.parse(JSON.parse(await readFile(output, 'utf8'))).text;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function readTemplate(model: string, named: string | undefined): Promise<string | undefined> {
  if (named !== undefined) {
    return readFile(named, 'utf8').catch((cause: unknown) => {
      throw new Failure('SPEC_INVALID', `${named} cannot be read.`, {
        remedy: 'Name a text file.',
        file: named,
        cause,
      });
    });
  }
  return readFile(join(model, promptTemplateName), 'utf8').catch(() => undefined);
}
