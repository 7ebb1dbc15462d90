import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { familyTemplates } from '@anneal/datasets';
import { installEngine } from '@anneal/engine/install';
import { Template } from '@huggingface/jinja';
import { beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const turn = (role: string, content: string) => ({ role, content });
const conversations = {
  'a question and its answer': [turn('user', 'What is 2 + 2?'), turn('assistant', 'It is 4.')],
  'a system prompt': [turn('system', ' Be brief.\n'), turn('user', 'Hi'), turn('assistant', 'Hello.')],
  'several turns, with blanks around': [
    ...[turn('user', '  Hi\n\n'), turn('assistant', '\nHello. '), turn('user', 'Über was?'), turn('assistant', '数学')],
  ],
  'a system prompt further on': [turn('user', 'Hi'), turn('system', 'Be brief.'), turn('user', 'Hello?')],
  'two turns of one side': [turn('user', 'Hi'), turn('user', 'Hello?'), turn('assistant', 'Yes.')],
};

let folder: string;
beforeAll(async () => {
  const { python } = await installEngine();
  const find = 'import importlib.util as u; print(u.find_spec("axolotl").submodule_search_locations[0])';
  folder = join((await run(python, ['-c', find])).stdout.trim(), 'utils', 'chat_templates', 'templates');
});

/** What a template makes of a conversation; that it refuses one is an answer, too. */
function rendered(template: string, messages: readonly object[], askForAnswer: boolean): string {
  try {
    return new Template(template).render({ messages, add_generation_prompt: askForAnswer, bos_token: '<bos>' });
  } catch {
    return 'refused';
  }
}

describe.each(Object.keys(familyTemplates))('the template %s says what that of Axolotl says', (name) => {
  it.each(Object.entries(conversations))('of %s', async (_name, messages) => {
    const axolotls = await readFile(join(folder, `${name}.jinja`), 'utf8');
    for (const askForAnswer of [false, true]) {
      const said = rendered(familyTemplates[name] ?? '', messages, askForAnswer);
      expect(said).toBe(rendered(axolotls, messages, askForAnswer));
    }
    expect(rendered(axolotls, conversations['a question and its answer'], false)).toContain('It is 4.');
  });
});
