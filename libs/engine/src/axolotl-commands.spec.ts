import { describe, expect, it } from 'vitest';
import {
  generateCommand,
  mergeCommand,
  podGenerateCommand,
  podMergeCommand,
  trainCommand,
} from './axolotl-commands.js';

const engine = { python: '/engine/bin/python' };

describe('the command of a training', () => {
  it('leaves Accelerate nothing to guess on a CPU', () => {
    const { command, args } = trainCommand(engine, { config: 'axolotl.yaml', device: 'cpu', processes: 1 });
    expect(command).toBe('/engine/bin/accelerate');
    expect(args).toEqual([
      'launch',
      '--num_processes=1',
      '--num_machines=1',
      '--dynamo_backend=no',
      '--mixed_precision=no',
      '--cpu',
      ...['-m', 'axolotl.cli.train', 'axolotl.yaml'],
    ]);
  });

  it('leaves the precision to the configuration on a GPU', () => {
    const { args } = trainCommand(engine, { config: 'axolotl.yaml', device: 'gpu', processes: 1 });
    expect(args).not.toContain('--cpu');
    expect(args.join(' ')).not.toMatch(/mixed_precision|main_process_port/);
  });

  it('gives several processes a port of their own', () => {
    const { args } = trainCommand(engine, { config: 'axolotl.yaml', device: 'gpu', processes: 3, port: 4711 });
    expect(args).toEqual(expect.arrayContaining(['--num_processes=3', '--multi_gpu', '--main_process_port=4711']));
    const onCpu = trainCommand(engine, { config: 'axolotl.yaml', device: 'cpu', processes: 2, port: 4711 }).args;
    expect(onCpu).toEqual(expect.arrayContaining(['--num_processes=2', '--multi_gpu', '--mixed_precision=no']));
    expect(onCpu).not.toContain('--cpu');
  });
});

it('a merge goes into a folder of its own, since it empties the log of the one it writes to', () => {
  const { args } = mergeCommand(engine, { config: 'merge.yaml', adapter: 'output', output: 'merge' });
  expect(args).toEqual(['merge-lora', 'merge.yaml', '--lora-model-dir=output', '--output-dir=merge']);
});

it('a stop text may begin with a dash', () => {
  const options = { model: 'm', input: 'i', output: 'o', batch: 8, answerTokens: 40, device: 'gpu' as const };
  const { args } = generateCommand(engine, { ...options, stop: ['--', 'Question:'] });
  expect(args.slice(-3)).toEqual(['--device=cuda', '--stop=--', '--stop=Question:']);
});

describe('the command of a pod', () => {
  it('merges and compares, with the trained tokenizer in between', () => {
    const paths = { base: 'base', adapter: 'adapter', output: 'output', merged: 'output/merged' };
    const { command, args } = podMergeCommand(engine, { ...paths, prompts: 'rows.parquet', tokenizer: /^tok$/ });
    expect(command).toEqual(['/engine/bin/python', '-m', 'anneal_engine.pod_runner']);
    expect(args).toEqual([
      ...['--', '/engine/bin/python', '-m', 'anneal_engine.merge_steps', '--adapter=adapter', '--merged=output/merged'],
      ...['--tokenizer=^tok$$', '--', '/engine/bin/axolotl', 'merge-lora', '$(YAML_FILE)', '--lora-model-dir=adapter'],
      ...['--output-dir=output', '--', '/engine/bin/python', '-m', 'anneal_engine.merge_parity', '--base=base'],
      ...['--adapter=adapter', '--merged=output/merged', '--prompts=rows.parquet'],
    ]);
  });

  it('lets Kubernetes fill in nothing that a user wrote', () => {
    const options = { model: 'm', input: 'i', output: 'o', batch: 8, answerTokens: 40, device: 'cpu' as const };
    const { args } = podGenerateCommand(engine, { ...options, stop: ['$(ANNEAL_ORDERS_URL)'] });
    expect(args.at(-1)).toBe('--stop=$$(ANNEAL_ORDERS_URL)');
  });
});
