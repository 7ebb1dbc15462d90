import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { runToEnd } from '@anneal/compute';
import { engineProcessEnv, generateCommand } from '@anneal/engine';
import { afterAll, describe, expect, it } from 'vitest';
import { makeStandInGenerator } from './stand-in-generator.js';

interface Line {
  id: string;
  text: string;
  finish: string;
  promptTokens: number;
  tokens: number;
  seconds: number;
}

const folder = mkdtempSync(join(tmpdir(), 'anneal-generator-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const model = join(folder, 'model');
mkdirSync(model);
writeFileSync(join(model, 'config.json'), '{}');
describeGenerator('the stand-in', { python: makeStandInGenerator(join(folder, 'engine')).python, model }, 20_000);

const real = installedEngine();
if (real) describeGenerator('Transformers', real, 180_000);
else
  process.stderr.write('The contract of the real generation is not checked: engine or demo model is not installed.\n');

/** What the evaluator relies on. The real generation and its stand-in are both held to it. */
function describeGenerator(name: string, engine: { python: string; model: string }, timeout: number): void {
  describe(`the contract of ${name}`, { timeout }, () => {
    const path = (file: string): string => join(folder, `${name}-${file}`);
    const messages = (content: string) => [{ role: 'user', content }];
    const generate = async (items: unknown[], output: string, model = engine.model) => {
      const input = path('items.jsonl');
      writeFileSync(input, items.map((item) => `${JSON.stringify(item)}\n`).join(''));
      mkdirSync(path('home'), { recursive: true });
      const options = { model, input, output, batch: 2, answerTokens: 4, stop: ['STOP'], device: 'cpu' as const };
      return runToEnd({ ...generateCommand(engine, options), env: engineProcessEnv(engine, { home: path('home') }) });
    };
    const lines = (file: string): Line[] =>
      readFileSync(file, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Line);

    it('answers texts and conversations once each, and nothing that is answered already', async () => {
      const output = path('answers.jsonl');
      const kept = { id: 'kept', text: 'as it was', finish: 'stop', promptTokens: 1, tokens: 1, seconds: 0 };
      writeFileSync(output, `${JSON.stringify(kept)}\n`);
      // What a kill in the middle of a line leaves behind.
      appendFileSync(output, '{"id":"half","te');
      const items = [
        { id: 'kept', prompt: 'Once upon a time there was' },
        { id: 'half', prompt: 'The capital of France is called what?' },
        { id: 'chat', messages: messages('Name a colour in one word, please.') },
      ];
      const { code, stdout } = await generate(items, output);
      expect(code).toBe(0);
      expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({ items: 3, generated: 2, skipped: 1 });
      const found = lines(output);
      expect(found.map(({ id }) => id).toSorted()).toEqual(['chat', 'half', 'kept']);
      expect(found[0]).toEqual(kept);
      for (const { text, finish, promptTokens, tokens, seconds } of found.slice(1)) {
        expect([typeof text, typeof seconds]).toEqual(['string', 'number']);
        expect(['stop', 'length']).toContain(finish);
        expect(promptTokens).toBeGreaterThan(0);
        expect(tokens).toBeLessThanOrEqual(4);
      }
    });

    it('says in one line what is wrong with a folder that is no model', async () => {
      const { code, stderr } = await generate([{ id: 'a', prompt: 'x' }], path('none.jsonl'), path('no-model'));
      expect(code).toBe(3);
      expect(stderr.trim().split('\n').at(-1)).toBe(`There is no model at ${path('no-model')}: no config.json.`);
    });
  });
}

/** The engine and the demo model where the installers put them. */
function installedEngine(): { python: string; model: string } | undefined {
  const { ANNEAL_CACHE, XDG_CACHE_HOME } = process.env;
  const cache = ANNEAL_CACHE ?? join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'anneal');
  const inside = (directory: string): string[] =>
    existsSync(directory) ? readdirSync(directory).map((name) => join(directory, name)) : [];
  const engine = inside(cache).find((path) => /engine-[0-9a-f]+$/.test(path) && existsSync(join(path, '.ok')));
  const model = inside(join(cache, 'models')).find((path) => existsSync(join(path, 'config.json')));
  return engine && model ? { python: join(engine, 'bin', 'python'), model } : undefined;
}
