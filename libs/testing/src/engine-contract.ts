import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startProcess, type ExitRecord, type SupervisedProcess } from '@anneal/compute';
import {
  engineEvent,
  engineProcessEnv,
  findCompleteCheckpoint,
  mergeCommand,
  parityCommand,
  trainCommand,
  trainOutcome,
  type EngineCommand,
  type EngineEvent,
  type EngineLocation,
} from '@anneal/engine';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

export interface EngineUnderContract extends EngineLocation {
  /** A small model with a chat template. */
  readonly model: string;
  /** How long one program may take. */
  readonly timeoutMs: number;
}

const steps = 4;

/** What services rely on in the engine. The real one and its stand-in are both held to it. */
export function describeEngineContract(name: string, engine: EngineUnderContract): void {
  const { timeoutMs: timeout } = engine;
  describe(`the contract of ${name}`, { timeout }, () => {
    let bench: Workbench;
    beforeAll(async () => {
      bench = await Workbench.make(engine);
    });
    afterAll(() => bench.remove());

    const stopped = once(async () => {
      const training = await bench.train('stopped', {});
      await training.until('log');
      await writeFile(training.stopFile, '');
      return { ...(await training.end()), left: await findCompleteCheckpoint(bench.path('output')) };
    });
    const resumed = once(async () => {
      const { checkpoint } = (await stopped()).left;
      const resumeFrom = `output/${checkpoint?.name ?? ''}`;
      const training = await bench.train('resumed', { resume_from_checkpoint: resumeFrom });
      return { ...(await training.end()), checkpoint, resumeFrom };
    });

    // Side by side, since a real engine takes half a minute to start.
    it.concurrent('writes a complete checkpoint and ends well when it finds the stop file', async () => {
      const { exit, events, outcome, left } = await stopped();
      const end = events.find((event) => event.event === 'trainEnd');
      expect(exit.code).toBe(0);
      expect(namesOf(events)).toEqual([
        'hello',
        'modelLoaded',
        'dataLoaded',
        'trainBegin',
        'stopping',
        'save',
        'summary',
        'trainEnd',
        'trained',
        'saved',
        'done',
      ]);
      expect(end).toMatchObject({ maxSteps: steps, stopped: true });
      expect(outcome).toEqual({ kind: 'stopped', step: end?.step });
      expect({ step: left.checkpoint?.step, rejected: left.rejected }).toEqual({ step: end?.step, rejected: [] });
      expect(lossesOf(events)).not.toContain(undefined);
    });

    it.concurrent('goes on from that checkpoint and ends with all steps done', async () => {
      const { exit, events, outcome, checkpoint, resumeFrom } = await resumed();
      expect(exit.code).toBe(0);
      expect(outcome).toEqual({ kind: 'completed' });
      expect(events.find((event) => event.event === 'hello')).toMatchObject({ resumeFrom });
      expect(events.find((event) => event.event === 'trainBegin')).toMatchObject({
        step: checkpoint?.step,
        maxSteps: steps,
        worldSize: 1,
      });
      const from = checkpoint?.step ?? 0;
      expect(stepsOf(events)).toEqual(Array.from({ length: steps - from }, (_, index) => from + index + 1));
      expect((await findCompleteCheckpoint(bench.path('output'))).checkpoint?.step).toBe(steps);
      for (const file of [
        'adapter_model.safetensors',
        'adapter_config.json',
        'tokenizer.json',
        'chat_template.jinja',
      ]) {
        expect(existsSync(bench.path(`output/${file}`)), file).toBe(true);
      }
    });

    it.concurrent('makes the losses that it makes when nobody stops it', async () => {
      const { events, outcome } = await (await bench.train('whole', { output_dir: 'output-whole' })).end();
      expect(outcome).toEqual({ kind: 'completed' });
      const again = [...(await stopped()).events, ...(await resumed()).events];
      expect(stepsOf(again)).toEqual(stepsOf(events));
      const losses = lossesOf(again);
      for (const [index, loss] of lossesOf(events).entries()) expect(losses[index]).toBeCloseTo(loss ?? NaN, 4);
    });

    it.concurrent('trains in two processes that share the rows', async () => {
      const { events, outcome } = await (
        await bench.train('two', { output_dir: 'output-two', max_steps: 2 }, { processes: 2 })
      ).end();
      expect(outcome).toEqual({ kind: 'completed' });
      expect(events.find((event) => event.event === 'trainBegin')).toMatchObject({ worldSize: 2, maxSteps: 2 });
      expect(stepsOf(events)).toEqual([1, 2]);
      expect((await findCompleteCheckpoint(bench.path('output-two'))).checkpoint?.step).toBe(2);
    });

    it.concurrent('trains all weights of a model', async () => {
      const full = { adapter: undefined, output_dir: 'output-full', max_steps: 2 };
      const { events, outcome } = await (await bench.train('full', full)).end();
      expect(outcome).toEqual({ kind: 'completed' });
      const size = events.find((event) => event.event === 'modelLoaded');
      expect(size?.trainable).toBe(size?.parameters);
      expect(existsSync(bench.path('output-full/model.safetensors'))).toBe(true);
      expect(existsSync(bench.path('output-full/adapter_model.safetensors'))).toBe(false);
    });

    it.concurrent('learns from preference pairs, and goes on where it was', async () => {
      const whole = await (await bench.train('pairs', { ...dpo, output_dir: 'output-pairs' })).end();
      expect(whole.outcome).toEqual({ kind: 'completed' });
      const size = whole.events.find((event) => event.event === 'modelLoaded');
      expect(size?.trainable).toBeLessThan(size?.parameters ?? 0);
      const [first, last] = whole.events.filter((event) => event.event === 'log');
      // Before the first step the model is its own reference.
      expect(first).toMatchObject({ step: 1, rewardMargin: 0, rewardAccuracy: 0 });
      expect(last).toMatchObject({ step: 2, rewardAccuracy: 1 });
      expect(last?.rewardMargin).toBeGreaterThan(0);
      expect(last?.chosenReward).toBeGreaterThan(last?.rejectedReward ?? Infinity);
      expect(existsSync(bench.path('output-pairs/adapter_model.safetensors'))).toBe(true);

      const resumed = { output_dir: 'output-pairs-2', resume_from_checkpoint: 'output-pairs/checkpoint-1' };
      const again = await (await bench.train('pairs-resumed', { ...dpo, ...resumed })).end();
      expect(again.outcome).toEqual({ kind: 'completed' });
      expect(stepsOf(again.events)).toEqual([2]);
      expect(lossesOf(again.events)[0]).toBeCloseTo(lossesOf(whole.events)[1] ?? NaN, 4);
      const log = again.events.find((event) => event.event === 'log');
      expect(log?.rewardMargin).toBeCloseTo(last?.rewardMargin ?? NaN, 4);
    });

    it.concurrent('merges the adapter exactly', async () => {
      await resumed();
      const merge = await bench.run(
        'merge',
        mergeCommand(engine, { config: 'merge.yaml', adapter: 'output', output: 'merge-output' }),
      );
      expect(merge.exit.code).toBe(0);
      expect(merge.log).toMatch(/Applied LoRA to [1-9]\d*\/\d+ tensors/);
      const paths = { base: 'model', adapter: 'output', merged: 'merge-output/merged', prompts: 'rows.jsonl' };
      const parity = await bench.run('parity', parityCommand(engine, paths));
      expect(parity.exit.code).toBe(0);
      const found = JSON.parse(parity.stdout.trim().split('\n').at(-1) ?? '') as Record<string, number>;
      expect(found).toMatchObject({ foreign: 0, largestWeightDifference: 0, sameNextToken: true });
      expect(found['changed']).toBeGreaterThan(0);
    });

    it.concurrent('never says done after a configuration that it refuses', async () => {
      const { exit, events, outcome } = await (await bench.train('refused', { micro_batch_size: 'many' })).end();
      expect(exit.code).not.toBe(0);
      expect(namesOf(events)).not.toContain('done');
      expect(outcome).toMatchObject({ kind: 'failed', code: 'BAD_CONFIG' });
    });

    it.concurrent('refuses a row that is too long and says how long it is', async () => {
      const { exit, events, outcome } = await (await bench.train('too-long', { sequence_len: 16 })).end();
      expect(exit.code).not.toBe(0);
      expect(namesOf(events)).not.toContain('done');
      expect(outcome).toMatchObject({ kind: 'failed' });
      expect('detail' in outcome && outcome.detail).toMatch(
        /Sequence encountered with \d+ tokens, which exceeds the maximum 16/,
      );
    });
  });
}

/** Done when it is first asked for, and then known to all who ask. */
function once<Result>(work: () => Promise<Result>): () => Promise<Result> {
  let done: Promise<Result> | undefined;
  return () => (done ??= work());
}

/** Each event's name once, in the order of the first; of the saves and logs before a stop there may be several. */
function namesOf(events: readonly EngineEvent[]): string[] {
  return [...new Set(events.map(({ event }) => event))].filter((name) => name !== 'log');
}

function stepsOf(events: readonly EngineEvent[]): number[] {
  return events.flatMap((event) => (event.event === 'log' ? [event.step] : []));
}

function lossesOf(events: readonly EngineEvent[]): (number | undefined)[] {
  return events.flatMap((event) => (event.event === 'log' ? [event.loss] : []));
}

const row = (index: number) => ({
  messages: [
    { role: 'user', content: `Say the number ${index}.` },
    { role: 'assistant', content: `The number is ${index}.` },
  ],
});

const pair = (index: number) => ({
  messages: [{ role: 'user', content: `Say the number ${index}.` }],
  chosen: `The number is ${index}.`,
  rejected: `I would rather not say ${index}.`,
});

/** A folder in which programs of the engine run, with a model and a few rows. */
class Workbench {
  private readonly processes: SupervisedProcess[] = [];

  private constructor(
    private readonly folder: string,
    private readonly engine: EngineUnderContract,
  ) {}

  static async make(engine: EngineUnderContract): Promise<Workbench> {
    const bench = new Workbench(await mkdtemp(join(tmpdir(), 'anneal-contract-')), engine);
    await symlink(engine.model, bench.path('model'));
    await writeFile(
      bench.path('rows.jsonl'),
      Array.from({ length: 8 }, (_, index) => `${JSON.stringify(row(index))}\n`).join(''),
    );
    await writeFile(
      bench.path('pairs.jsonl'),
      Array.from({ length: 8 }, (_, index) => `${JSON.stringify(pair(index))}\n`).join(''),
    );
    await writeFile(
      bench.path('merge.yaml'),
      JSON.stringify({ ...method, base_model: 'model', datasets, learning_rate: 0, micro_batch_size: 1 }),
    );
    return bench;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  async train(name: string, change: Record<string, unknown>, { processes = 1 } = {}) {
    const config = this.path(`${name}.yaml`);
    // JSON is YAML, too.
    await writeFile(config, JSON.stringify({ ...training, ...change, dataset_prepared_path: `prepared-${name}` }));
    const files = { events: this.path(`${name}.events.jsonl`), stopFile: this.path(`${name}.stop`) };
    const started = await this.start(
      name,
      trainCommand(this.engine, { config, device: 'cpu', processes, port: 29_500 + (process.pid % 1000) }),
      files,
    );
    const read = () => readEvents(files.events);
    return {
      stopFile: files.stopFile,
      until: async (event: EngineEvent['event']): Promise<void> => {
        while (!(await read()).some((seen) => seen.event === event)) {
          if (started.state() === 'ended')
            throw new Error(`${name} ended before ${event}: ${await started.tailLog(20)}`);
          await pause(10);
        }
      },
      end: async () => {
        const exit = await started.wait();
        const seen = await read();
        return { exit, events: seen, outcome: trainOutcome({ exit, events: seen, log: await started.tailLog(200) }) };
      },
    };
  }

  async run(name: string, command: EngineCommand): Promise<{ exit: ExitRecord; log: string; stdout: string }> {
    const process = await this.start(name, command, {});
    const exit = await process.wait();
    const stdout = await readFile(join(process.directory, 'stdout.log'), 'utf8');
    return { exit, stdout, log: await process.tailLog(500) };
  }

  async remove(): Promise<void> {
    for (const process of this.processes) await process.kill(0);
    await rm(this.folder, { recursive: true, force: true });
  }

  private async start(name: string, { command, args }: EngineCommand, files: { events?: string; stopFile?: string }) {
    await mkdir(this.path('home'), { recursive: true });
    const process = await startProcess({
      directory: this.path(`process-${name}`),
      identity: { job: name, attempt: 1, token: '1' },
      command,
      args,
      // Several of them run side by side.
      env: engineProcessEnv(this.engine, { home: this.path('home'), threads: 1, ...files }),
      cwd: this.folder,
    });
    this.processes.push(process);
    return process;
  }
}

async function readEvents(path: string): Promise<EngineEvent[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => engineEvent.parse(JSON.parse(line)));
}

const method = {
  ...{ adapter: 'lora', lora_r: 4, lora_alpha: 8, lora_dropout: 0, lora_target_linear: true },
  ...{ lora_mlp_kernel: false, lora_qkv_kernel: false, lora_o_kernel: false, lora_embedding_kernel: false },
  ...{ bf16: false, fp16: false, tf32: false },
};
const datasets = [{ path: 'rows.jsonl', ds_type: 'json', type: 'chat_template', field_messages: 'messages' }];
const dpo = {
  ...{ rl: 'dpo', rl_beta: 0.1, max_steps: 2, micro_batch_size: 2, save_steps: 1 },
  datasets: [{ path: 'pairs.jsonl', ds_type: 'json', type: 'chat_template.default', field_messages: 'messages' }],
};
const training = {
  ...method,
  ...{ base_model: 'model', chat_template: 'tokenizer_default', datasets, val_set_size: 0, output_dir: 'output' },
  ...{ sequence_len: 256, excess_length_strategy: 'raise', sample_packing: false, optimizer: 'adamw_torch' },
  ...{ micro_batch_size: 1, gradient_accumulation_steps: 1, num_epochs: 1, max_steps: steps, learning_rate: 0.0005 },
  ...{ lr_scheduler: 'constant', warmup_steps: 0, seed: 1, logging_steps: 1, save_steps: 100, save_total_limit: 2 },
  ...{ plugins: ['anneal_engine.reporter.ReporterPlugin'], dataloader_num_workers: 0 },
};
