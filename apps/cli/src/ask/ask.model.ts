import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failure } from '@anneal/contracts';
import { runToEnd } from '@anneal/compute';
import { engineProcessEnv, generateCommand } from '@anneal/engine';
import { installEngine } from '@anneal/engine/install';
import { z } from 'zod';
import { promptTemplateName } from './prompt.template.js';

const answer = z.object({ text: z.string() });

/**
 * The answer of a model in a folder, by the engine on this machine.
 *
 * @throws Failure MODEL_INVALID when it cannot be asked, SPEC_INVALID when the named template cannot be read
 */
export async function askModel(
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
