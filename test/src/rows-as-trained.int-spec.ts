import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { DataReport, TrainingPlan } from '@anneal/contracts';
import { prepareSet, type SetInput } from '@anneal/datasets';
import { axolotlConfig, renderYaml } from '@anneal/engine';
import { installDemoModel } from '@anneal/engine/install-demo-model';
import { installEngine } from '@anneal/engine/install';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';

const run = promisify(execFile);
// Axolotl takes long to start where much else runs.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 600_000 });

/** What Axolotl itself makes of stored sets: for each sequence, its tokens and how many of them are trained. */
const tokenise = `
import json, sys
from datasets import load_dataset
from transformers import AutoTokenizer
import yaml
from axolotl.prompt_strategies import load
from axolotl.prompt_strategies.dpo import load as load_pairs
from axolotl.utils.dict import DictDefault
def sequences_of(config, template):
    cfg = DictDefault(yaml.safe_load(open(config)))
    tokenizer = AutoTokenizer.from_pretrained(cfg.base_model)
    if template:
        tokenizer.chat_template = open(template).read()
    one = cfg.datasets[0]
    if cfg.rl:
        pair_of = load_pairs(one.type, cfg, dataset_idx=0)
        pair_of = pair_of[0] if isinstance(pair_of, tuple) else pair_of
        pairs = [pair_of(row, tokenizer) for row in load_dataset(one.ds_type, data_files=one.path, split="train")]
        ids_of = lambda text: tokenizer(text, add_special_tokens=False)["input_ids"]
        return [
            {"ids": ids_of(pair["prompt"]) + ids_of(pair[answer]), "trained": len(ids_of(pair[answer]))}
            for pair in pairs for answer in ("chosen", "rejected")
        ]
    strategy = load(one.type, tokenizer, cfg, one)
    rows = load_dataset(one.ds_type, data_files=one.path, split="train")
    made = rows.map(strategy.tokenize_prompt, batched=strategy.supports_batched, remove_columns=rows.column_names)
    return [{"ids": row["input_ids"], "trained": sum(label != -100 for label in row["labels"])} for row in made]
print(json.dumps({name: sequences_of(*of) for name, of in json.loads(sys.argv[1]).items()}))
`;
const sequences = z.array(z.object({ ids: z.array(z.int()), trained: z.int() }));
type Sequences = z.infer<typeof sequences>;

const plan: TrainingPlan = {
  ...{ method: 'lora', strategy: 'single', device: 'cpu', processes: 1, steps: 1, epochs: 1, microBatch: 1 },
  ...{ gradientAccumulation: 1, effectiveBatch: 1, sequenceLength: 512, learningRate: 0.001, scheduler: 'linear' },
  ...{ warmupSteps: 0, checkpointEvery: 1, precision: 'float32', lora: { rank: 8, alpha: 16, dropout: 0 }, seed: 1 },
};

interface Given {
  readonly rows: readonly unknown[];
  readonly prompt?: 'chat' | 'load-qa';
  readonly objective?: 'dpo';
  /** A chat template of Axolotl's own in the place of the model's. */
  readonly template?: string;
  readonly sequenceLength?: number;
}

/** Prepares some rows, and writes what Axolotl is told about them. */
async function prepare(name: string, given: Given): Promise<{ report: DataReport; configured: [string, string] }> {
  const { rows, prompt = 'chat', objective = 'sft', sequenceLength = 512 } = given;
  const [source, directory] = [join(folder, `${name}.jsonl`), join(folder, name)];
  await writeFile(source, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const templateFile = given.template === undefined ? '' : await templateOf(given.template);
  const read = (file: string): Promise<string> => readFile(join(model, file), 'utf8');
  const input: SetInput = {
    source: { name, files: [{ path: source, name: `${name}.jsonl`, format: 'jsonl' }] },
    dataset: { mostBadRows: 0.9, nearDuplicates: 1, decontamination: 'off', decontaminationWords: 13 },
    training: { ...noTraining, objective, prompt, sequenceLength },
    heldOut: 0,
    tokenizer: {
      tokenizer: await read('tokenizer.json'),
      config: await read('tokenizer_config.json'),
      template: await (templateFile === '' ? read('chat_template.jinja') : readFile(templateFile, 'utf8')),
    },
    benchmarks: [],
    uncheckedBenchmarks: [],
  };
  const report = await prepareSet(input, { directory, signal: new AbortController().signal });
  const config = axolotlConfig({
    plan: { ...plan, sequenceLength, ...(objective === 'dpo' ? { dpo: { beta: 0.1 } } : {}) },
    prompt: report.format.name === 'text' ? 'completion' : prompt,
    paths: { model, data: join(directory, 'train.parquet'), prepared: 'prepared', output: 'output' },
    endOfTurn: prompt === 'chat' ? ['<|im_end|>'] : [],
  });
  const yaml = join(folder, `${name}.yaml`);
  await writeFile(yaml, renderYaml(config));
  return { report, configured: [yaml, templateFile] };
}

async function templateOf(name: string): Promise<string> {
  const find = 'import axolotl.utils.chat_templates as t, os; print(os.path.dirname(t.__file__))';
  const { stdout } = await run(python, ['-c', find]);
  return join(stdout.trim().split('\n').at(-1) ?? '', 'templates', `${name}.jinja`);
}

const noTraining = {
  ...{ epochs: 1, maxSteps: undefined, microBatch: 1, gradientAccumulation: 1, gpus: undefined },
};

const turn = (role: string, content: string | null, more: object = {}) => ({ role, content, ...more });
const call = (name: string, args: object) => ({
  ...{ id: `call_${name}`, type: 'function', function: { name, arguments: JSON.stringify(args) } },
});
const weather = {
  type: 'function',
  function: {
    ...{ name: 'weather', description: 'Tells the weather of a "city", ≤ 3 days ahead.' },
    parameters: { type: 'object', properties: { city: { type: 'string' }, days: { type: 'integer', maximum: 3 } } },
  },
};
const clock = { type: 'function', function: { name: 'clock', parameters: { type: 'object', properties: {} } } };

const given = {
  chat: {
    rows: [
      { messages: [turn('user', 'What is 2 + 2?'), turn('assistant', 'It is 4.')] },
      {
        messages: [
          ...[turn('developer', 'Be brief.'), turn('user', 'Hi'), turn('assistant', 'Wrong.', { weight: 0 })],
          ...[turn('user', 'Again?'), turn('assistant', '数学 is fun.\n\nYes.')],
        ],
      },
    ],
  },
  questions: {
    prompt: 'load-qa',
    rows: [
      { question: 'What is 2 + 2?', answer: 'It is 4.' },
      { question: 'Über was?', answer: 'Über $\\frac{1}{2}$.' },
    ],
  },
  pairs: {
    objective: 'dpo',
    rows: [
      { prompt: 'What is 2 + 2?', chosen: 'It is 4.', rejected: 'It is five, I think.' },
      {
        prompt: [
          turn('system', 'Be brief.'),
          turn('user', 'Hi'),
          turn('assistant', 'Hello.'),
          turn('user', 'Über was?'),
        ],
        ...{ chosen: 'Über $\\frac{1}{2}$.', rejected: '数学' },
      },
    ],
  },
  text: {
    sequenceLength: 64,
    rows: [{ text: 'Once upon a time.' }, { text: 'There was a king who had a castle. '.repeat(20) }],
  },
  tools: {
    template: 'qwen_25',
    rows: [
      { messages: [turn('user', 'Hi'), turn('assistant', 'Hello.')] },
      {
        tools: [weather, clock],
        messages: [
          ...[turn('system', 'You help.'), turn('user', 'Weather in Ulm?')],
          turn('assistant', null, {
            tool_calls: [call('weather', { city: 'Ulm', days: 2, exact: null, at: [1.5, true] })],
          }),
          turn('tool', '{"sky": "grey"}', { tool_call_id: 'call_weather', name: 'weather' }),
          turn('assistant', 'It is grey.'),
        ],
      },
      {
        tools: JSON.stringify([weather, clock]),
        messages: [
          turn('user', 'Both?'),
          turn('assistant', 'I look.', { tool_calls: [call('weather', { city: 'Köln' }), call('clock', {})] }),
        ],
      },
      {
        functions: [clock.function],
        messages: [
          turn('user', 'Time?'),
          turn('assistant', null, { weight: 0, function_call: { name: 'clock', arguments: '{}' } }),
          ...[turn('function', '12:00', { name: 'clock' }), turn('assistant', 'Noon.')],
        ],
      },
    ],
  },
} satisfies Record<string, Given>;
type Name = keyof typeof given;

let folder: string;
let python: string;
let model: string;
const reports = new Map<string, DataReport>();
let made: Record<string, Sequences>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-as-trained-'));
  const engine = await installEngine();
  python = engine.python;
  model = (await installDemoModel({ engine })).dir;
  const configured: Record<string, [string, string]> = {};
  for (const [name, one] of Object.entries<Given>(given)) {
    const prepared = await prepare(name, one);
    reports.set(name, prepared.report);
    configured[name] = prepared.configured;
  }
  const env = { ...process.env, HF_HUB_OFFLINE: '1', AXOLOTL_DO_NOT_TRACK: '1', DO_NOT_TRACK: '1', HF_HOME: folder };
  // All of them in one process: what takes long is to start it.
  const { stdout } = await run(python, ['-c', tokenise, JSON.stringify(configured)], {
    env,
    maxBuffer: 64 * 1024 ** 2,
  });
  made = z.record(z.string(), sequences).parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function expectSame(name: Name): { report: DataReport; of: Sequences } {
  const [report, of] = [reports.get(name), made[name]];
  if (!report || !of) throw new Error(`nothing was made of ${name}`);
  expect(report.tokens).toMatchObject({
    total: of.reduce((sum, { ids }) => sum + ids.length, 0),
    trained: of.reduce((sum, { trained }) => sum + trained, 0),
  });
  return { report, of };
}

describe('what is counted and marked as learnt is what Axolotl trains', () => {
  it('of conversations, with answers that are kept but not learnt', () => {
    expect(expectSame('chat').report.train).toBe(2);
  });

  it('of questions and answers under load-qa', () => {
    expect(expectSame('questions').report.train).toBe(2);
  });

  it('of preference pairs, with both answers', () => {
    const { report, of } = expectSame('pairs');
    expect(of).toHaveLength(4);
    const { chosen, rejected } = report.tokens?.pairs ?? {};
    expect([chosen, rejected]).toEqual([0, 1].map((at) => (of[at]?.trained ?? 0) + (of[at + 2]?.trained ?? 0)));
  });

  it('of plain text, which is cut at the sequence length', () => {
    const { report, of } = expectSame('text');
    expect(report.format.name).toBe('text');
    expect(report.tokens).toMatchObject({ sequences: of.length, over: 0 });
    expect(of.length).toBeGreaterThan(2);
  });

  it('of conversations with tools, through a template that shows them', () => {
    const { report } = expectSame('tools');
    expect(report).toMatchObject({ train: 4, dropped: 0 });
    const learnt = report.preview.map(({ parts }) => parts.filter(({ trained }) => trained).map(({ text }) => text));
    expect(learnt[1]?.[0]).toBe(
      '<tool_call>\n{"name": "weather", "arguments": {"city": "Ulm", "days": 2, "exact": null, "at": [1.5, true]}}\n</tool_call>',
    );
  });
});
