import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { unknownKeys } from '@anneal/engine';
import { describe, expect, it } from 'vitest';
import { combination, layouts, methods, strategies } from '../combinations.js';
import { everyTraining } from './rendered.fixture.js';

describe('the combinations', () => {
  const all = methods.flatMap((method) =>
    strategies.flatMap((strategy) =>
      layouts.map((layout) => ({ method, strategy, layout, ...combination(method, strategy, layout) })),
    ),
  );

  it('all have a rule with a reason', () => {
    expect(all).toHaveLength(54);
    expect(all.filter(({ reason }) => reason === 'Nobody has said that it exists.')).toEqual([]);
  });

  it('are the same for preference pairs, but for four-bit weights that FSDP shares', () => {
    const others = all.filter(
      ({ method, strategy, layout, exists }) => combination(method, strategy, layout, 'dpo').exists !== exists,
    );
    expect(others.map(({ method, strategy, layout }) => [method, strategy, layout])).toEqual([
      ['qlora', 'fsdp', 'several'],
    ]);
    expect(combination('qlora', 'fsdp', 'several', 'dpo').reason).toContain('learns from pairs');
  });

  it('are these', () => {
    expect(all.filter(({ exists }) => exists).map(({ method, strategy, layout }) => `${method} ${strategy} ${layout}`))
      .toMatchInlineSnapshot(`
        [
          "lora single cpu",
          "lora single one",
          "lora ddp several",
          "lora fsdp several",
          "lora zero1 several",
          "lora zero2 several",
          "lora zero3 several",
          "qlora single one",
          "qlora ddp several",
          "qlora fsdp several",
          "qlora zero1 several",
          "qlora zero2 several",
          "full single cpu",
          "full single one",
          "full ddp several",
          "full fsdp several",
          "full zero1 several",
          "full zero2 several",
          "full zero3 several",
        ]
      `);
  });
});

describe('every training', () => {
  const rendered = everyTraining();

  it('has a configuration of keys that Axolotl knows', () => {
    expect(rendered.length).toBeGreaterThan(400);
    for (const { name, config } of rendered) expect(unknownKeys(config), name).toEqual([]);
  });

  it('learns from pairs when it was asked to, with the reference on every process', () => {
    const pairs = rendered.filter(({ plan }) => plan.dpo);
    expect(pairs.length).toBeGreaterThan(200);
    for (const { name, config } of pairs) {
      expect(config, name).toMatchObject({ rl: 'dpo', sample_packing: false });
      expect(JSON.stringify(config), name).not.toContain('"cpu_ram_efficient_loading":true');
    }
    for (const { name, config } of rendered.filter(({ plan }) => !plan.dpo))
      expect(config, name).not.toHaveProperty('rl');
  });

  it('asks for no code, no network and no place but those of its run', () => {
    for (const { name, config } of rendered) {
      const { plugins, trust_remote_code: trust, ...rest } = config as Record<string, unknown>;
      expect({ plugins, trust }, name).toEqual({ plugins: ['anneal_engine.reporter.ReporterPlugin'], trust: false });
      expect(JSON.stringify(rest), name).not.toMatch(/https?:|hub_model_id|wandb|"\//);
    }
  });
});

describe('docs/training.md', () => {
  it('has the table of combinations', () => {
    const text = readFileSync(join(import.meta.dirname, '../../../../docs/training.md'), 'utf8');
    const shown = text.split('<!-- combinations -->')[1]?.split('<!-- /combinations -->')[0] ?? '';
    const cells = shown
      .split('\n')
      .filter((line) => line.startsWith('| '))
      .map((line) => line.split('|').map((cell) => cell.trim()));
    for (const method of methods) {
      for (const strategy of strategies) {
        const row = cells.find(([, first, second]) => first === method && second === strategy);
        const all = layouts.map((layout) => combination(method, strategy, layout));
        expect(row?.slice(3, 6), `${method} ${strategy}`).toEqual(all.map(({ exists }) => (exists ? 'yes' : 'no')));
        all.push(...layouts.map((layout) => combination(method, strategy, layout, 'dpo')));
        for (const { exists, reason } of all) expect(shown).toContain(`- ${exists ? 'yes' : 'no'}: ${reason}`);
      }
    }
  });
});
