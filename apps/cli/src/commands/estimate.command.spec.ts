import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { estimate } from '@anneal/contracts';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { estimateCommand } from './estimate.command.js';
import { trainCommand } from './train.command.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-estimate-'));
  const shape = { hidden_size: 2304, num_hidden_layers: 26, num_attention_heads: 8, num_key_value_heads: 4 };
  const config = { model_type: 'gemma2', ...shape, intermediate_size: 9216, head_dim: 256, vocab_size: 256_000 };
  await writeFile(join(folder, 'config.json'), JSON.stringify({ ...config, max_position_embeddings: 8192 }));
  await writeFile(
    join(folder, 'rows.jsonl'),
    `${JSON.stringify({ question: 'x'.repeat(300), answer: 'y' })}\n`.repeat(64),
  );
  await writeFile(
    join(folder, 'run.yaml'),
    'model: { base: "file:." }\ndataset: { source: "file:rows.jsonl" }\ntraining: { method: lora, gpus: 1 }\n',
  );
  await writeFile(
    join(folder, 'axolotl.yml'),
    'base_model: acme/base\ndatasets: [{ path: rows.jsonl, type: chat_template }]\nadapter: lora\nplugins: [x.Y]\n',
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(() => {
  process.exitCode = undefined;
});

/** What a command prints, and its exit status. */
async function run(
  command: ReturnType<typeof estimateCommand>,
  ...args: string[]
): Promise<{ out: string; status: unknown }> {
  const said: string[] = [];
  const note = (text: unknown): boolean => said.push(String(text)) > 0;
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation(note),
    vi.spyOn(process.stderr, 'write').mockImplementation(note),
    vi.spyOn(console, 'log').mockImplementation((text: unknown) => void note(`${String(text)}\n`)),
  ];
  try {
    await command.exitOverride().parseAsync(args, { from: 'user' });
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  return { out: said.join(''), status: process.exitCode ?? 0 };
}

describe('anneal estimate', () => {
  it('needs nothing but a config.json, and ends with 0 when it fits', async () => {
    const { out, status } = await run(
      estimateCommand(),
      ...['--model', folder, '--method', 'qlora', '--hosts', '3x48GB', '--json'],
    );
    const made = estimate.parse(JSON.parse(out));
    expect({ status, fits: made.fits, parameters: made.parameters }).toEqual({
      status: 0,
      fits: true,
      parameters: 2_614_341_888,
    });
  });

  it('ends with 1 when it does not fit, and says what would', async () => {
    const { out, status } = await run(
      estimateCommand(),
      ...['--model', folder, '--method', 'full', '--hosts', '1x16GB', '--strategy', 'single'],
    );
    expect(status).toBe(1);
    expect(out).toMatch(/does not fit.*Cheapest change: /s);
  });

  it('knows what learning from pairs takes, and what "dpo" is short for', async () => {
    const made = async (...args: string[]) => {
      const call = [
        '--model',
        folder,
        '--hosts',
        '1x80GB',
        '--rows',
        '640',
        '--tokens-per-row',
        '100',
        '--json',
        ...args,
      ];
      return estimate.parse(JSON.parse((await run(estimateCommand(), ...call)).out));
    };
    const [answers, pairs] = [await made('--method', 'full'), await made('--method', 'full', '--objective', 'dpo')];
    expect(pairs).toMatchObject({ method: 'full', objective: 'dpo' });
    expect(pairs.perGpu.weights).toBe(2 * answers.perGpu.weights);
    expect(pairs.duration.tokens).toBe(2 * (answers.duration.tokens ?? 0));
    expect(await made('--method', 'dpo')).toEqual(await made('--method', 'lora', '--objective', 'dpo'));
    const { out } = await run(estimateCommand(), '--model', folder, '--method', 'dpo', '--hosts', '1x48GB');
    expect(out).toContain('lora from preference pairs (DPO), single on one GPU');
  });

  it('is corrected by measured peaks of its kind, and says so', async () => {
    const measured = join(folder, 'measured.json');
    const kind = { family: 'Gemma 2', method: 'qlora', objective: 'sft', trainings: 4 };
    const measurements = [
      { ...kind, strategy: 'ddp', ratio: 1.1 },
      { ...kind, strategy: 'single', ratio: 1.25 },
    ];
    await writeFile(measured, JSON.stringify({ measurements }));
    const call = (method: string, ...args: string[]) =>
      run(estimateCommand(), '--model', folder, '--method', method, '--hosts', '1x48GB', ...args);
    const made = async (...args: Parameters<typeof call>) =>
      estimate.parse(JSON.parse((await call(...args, '--json')).out));
    const [plain, corrected] = [await made('qlora'), await made('qlora', '--measured', measured)];
    expect([plain.correction, corrected.correction]).toEqual([null, { ratio: 1.25, trainings: 4 }]);
    expect(corrected.perGpu.total / plain.perGpu.total).toBeCloseTo(1.25, 3);
    expect(await made('lora', '--measured', measured)).toEqual(await made('lora'));
    const without = (plain.perGpu.total / 1e9).toFixed(1);
    const { out } = await call('qlora', '--measured', measured);
    expect(out).toContain(`Corrected by 1.25, measured in 4 trainings of this kind: ${without} GB without.`);
    expect((await call('lora', '--measured', measured)).out).toContain('Not corrected');
  });

  it('is corrected by the peaks of a running system when it is asked for them', async () => {
    const kind = { family: 'Gemma 2', method: 'lora', objective: 'sft', strategy: 'single' };
    const asked: unknown[] = [];
    const server = createServer((request, response) => {
      asked.push([request.url, request.headers.authorization]);
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ measurements: [{ ...kind, ratio: 0.9, trainings: 1 }] }));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    vi.stubEnv('ANNEAL_URL', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    vi.stubEnv('ANNEAL_API_KEY', 'key-of-the-test');
    try {
      const call = ['--model', folder, '--method', 'lora', '--hosts', '1x48GB', '--server'];
      expect((await run(estimateCommand(), ...call)).out).toContain('Corrected by 0.90, measured in one training');
      expect(asked).toEqual([['/api/measurements', 'Bearer key-of-the-test']]);
    } finally {
      vi.unstubAllEnvs();
      server.close();
    }
  });

  it('takes rows and method from a RunSpec', async () => {
    const { out } = await run(estimateCommand(), join(folder, 'run.yaml'), '--hosts', '2x24GB', '--json');
    const made = estimate.parse(JSON.parse(out));
    expect(made).toMatchObject({ method: 'lora', gpus: 1, duration: { steps: 16 } });
  });

  it('says of the examples that they fit the GPUs that they name', async () => {
    const examples = join(import.meta.dirname, '..', '..', '..', '..', 'examples');
    const status = async (name: string, hosts: string): Promise<unknown> =>
      (await run(estimateCommand(), join(examples, name), '--model', folder, '--hosts', hosts)).status;
    expect(await status('gemma-2-2b-math.yaml', '3x48GB')).toBe(0);
    // With a model of twice the size, even.
    expect(await status('llama-3.2-1b-lora.yaml', '1x24GB')).toBe(0);
    expect(await status('home-control/preferences.yaml', '1x48GB')).toBe(0);
  });

  it.each([
    [[], /nothing to estimate/],
    [['--model', './nowhere', '--method', 'lora', '--hosts', '1x48GB'], /no folder/],
    [['--model', '.', '--method', 'lora', '--hosts', 'many'], /describes no hosts/],
    [['--model', '.', '--method', 'lora', '--hosts', '1x48GB', '--measured', './nowhere'], /cannot be read/],
    [['--model', '.', '--method', 'lora', '--hosts', '1x48GB', '--measured', 'package.json'], /holds no measurements/],
    [
      ['--model', '.', '--method', 'lora', '--hosts', '1x48GB', '--server', '--data', './nowhere'],
      /No system is running/,
    ],
  ])('ends with 2 when the call is wrong: %j', async (args, message) => {
    const { out, status } = await run(estimateCommand(), ...args.map((arg) => (arg === '.' ? folder : arg)));
    expect(status).toBe(2);
    expect(out).toMatch(message);
  });
});

describe('anneal train --axolotl', () => {
  it('shows the RunSpec and what became of each key, and requests nothing', async () => {
    const { out, status } = await run(
      trainCommand(),
      ...['--axolotl', join(folder, 'axolotl.yml'), '--dry-run', '--json'],
    );
    const { spec, keys } = JSON.parse(out) as { spec: object; keys: { key: string; outcome: string }[] };
    expect(status).toBe(0);
    expect(spec).toMatchObject({
      model: { base: 'acme/base' },
      dataset: { source: `file:${join(folder, 'rows.jsonl')}` },
      training: { method: 'lora', strategy: 'auto' },
    });
    expect(keys).toContainEqual(expect.objectContaining({ key: 'plugins', outcome: 'refused' }));
  });

  it('does not take two wishes at once', async () => {
    await expect(run(trainCommand())).rejects.toMatchObject({ exitCode: 2 });
  });
});
