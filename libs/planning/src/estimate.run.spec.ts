import { estimate as estimateSchema, parseRunSpec, type Estimate, type RunSpecInput } from '@anneal/contracts';
import { describe, expect, it } from 'vitest';
import { refusalOf } from './estimate.js';
import { estimateRun } from './estimate.run.js';
import { parseHosts } from './hosts.js';
import { configs } from './model/configs.fixture.js';
import { readModelConfig } from './model/model.config.js';
import { modelShape } from './model/model.shape.js';

interface Given {
  readonly hosts?: string;
  readonly rows?: number;
  readonly tokensPerRow?: number;
  readonly correction?: { readonly ratio: number; readonly trainings: number };
}

function estimate(name: keyof typeof configs, training: RunSpecInput['training'], given: Given = {}): Estimate {
  const parsed = parseRunSpec({ model: { base: 'acme/model' }, dataset: { source: 'acme/rows' }, training });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const made = estimateRun({
    reference: `acme/${name}`,
    model: modelShape(readModelConfig(configs[name], name)),
    ...(given.correction ? { correction: () => given.correction } : {}),
    training: parsed.spec.training,
    hosts: parseHosts(given.hosts ?? '3x48GB', 32e9),
    data: { rows: given.rows, tokensPerRow: given.tokensPerRow },
  });
  return estimateSchema.parse(made);
}

describe('the estimate of a training', () => {
  it('of the reference run says that it fits, and leaves room', () => {
    const made = estimate('gemma-2-2b', { method: 'qlora', gpus: 3 });
    expect(made).toMatchObject({ fits: true, strategy: 'ddp', parameters: 2_614_341_888, suggestions: [] });
    expect(made.perGpu.total).toBeLessThan(made.perGpu.available);
    const { total, available, low, high, ...parts } = made.perGpu;
    expect(Object.values(parts).reduce((sum, bytes) => sum + bytes, 0)).toBe(total);
    expect([low < total, total < high, available]).toEqual([true, true, 0.98 * 48e9]);
  });

  it('names the largest micro batch and length that fit, which the next larger ones do not', () => {
    const { largest, microBatch, sequenceLength } = estimate('Llama-3.1-8B', {
      method: 'lora',
      strategy: 'ddp',
      microBatch: 1,
    });
    const fits = (training: Partial<RunSpecInput['training']>): boolean =>
      estimate('Llama-3.1-8B', { method: 'lora', strategy: 'ddp', microBatch, sequenceLength, ...training }).fits;
    expect(fits({ microBatch: largest.microBatch })).toBe(true);
    expect(fits({ microBatch: largest.microBatch + 1 })).toBe(false);
    expect(fits({ sequenceLength: largest.sequenceLength })).toBe(true);
    expect(fits({ sequenceLength: largest.sequenceLength + 128 })).toBe(false);
  });

  it('suggests changes of which each makes it fit, the cheapest first', () => {
    const asked = { method: 'lora', microBatch: 64, sequenceLength: 4096 } as const;
    const { fits, suggestions } = estimate('Llama-3.1-8B', asked);
    expect(fits).toBe(false);
    expect(suggestions[0]?.training).toHaveProperty('microBatch');
    for (const { training, bytesPerGpu } of suggestions) {
      const changed = estimate('Llama-3.1-8B', { ...asked, ...training });
      expect(changed.fits).toBe(true);
      expect(changed.perGpu.total).toBe(bytesPerGpu);
    }
  });

  it('adds changes up when none suffices alone', () => {
    const asked = { method: 'full', strategy: 'ddp', microBatch: 64, gradientCheckpointing: false } as const;
    const { suggestions } = estimate('Llama-3.1-8B', asked, { hosts: '8x48GB' });
    expect(suggestions).toHaveLength(1);
    expect(Object.keys(suggestions[0]?.training ?? {}).length).toBeGreaterThan(1);
    expect(estimate('Llama-3.1-8B', { ...asked, ...suggestions[0]?.training }, { hosts: '8x48GB' }).fits).toBe(true);
  });

  it('refuses a model of more than 3 TB with the figures', () => {
    const made = estimate('DeepSeek-V2', { method: 'full' });
    expect(made).toMatchObject({ fits: false, parameters: 235_741_434_880, suggestions: [] });
    expect(made.ruleOfThumb.optimizerStep).toBeGreaterThan(3e12);
    expect(made.verdict).toMatch(/does not fit.*236 billion parameters takes 3\.77 TB .* GB/);
    expect(refusalOf(made)).toMatchObject({ code: 'DOES_NOT_FIT', retryable: false });
    expect(refusalOf(made)?.remedy).toMatch(/smaller model.*training\.force/);
  });

  it.each(['lora', 'qlora'] as const)('refuses it with %s, too', (method) => {
    expect(estimate('DeepSeek-V2', { method }, { hosts: '8x141GB' }).fits).toBe(false);
  });

  it('offers everything that keeps what is learnt before another method', () => {
    const { suggestions } = estimate('gemma-2-2b', { method: 'full' }, { hosts: '1x24GB' });
    expect(suggestions.map(({ training }) => Object.keys(training))).toEqual([
      expect.not.arrayContaining(['method']) as string[],
      ['method'],
      ['method'],
    ]);
  });

  it('keeps experts in 16 bits, since they cannot be loaded in four', () => {
    const { perGpu, parameters } = estimate('Mixtral-8x7B', { method: 'qlora', strategy: 'ddp' }, { hosts: '8x80GB' });
    expect(perGpu.weights).toBeGreaterThan(1.8 * parameters * 0.9);
  });

  it('is corrected by what was measured, and shows by how much', () => {
    const asked = { method: 'lora', microBatch: 1, gpus: 1 } as const;
    const plain = estimate('gemma-2-2b', asked);
    const correction = { ratio: 1.5, trainings: 4 };
    const corrected = estimate('gemma-2-2b', asked, { correction });
    expect(plain.correction).toBeNull();
    expect(corrected.correction).toEqual(correction);
    expect(corrected.perGpu.total / plain.perGpu.total).toBeCloseTo(1.5, 5);
    expect(corrected.largest.microBatch).toBeLessThan(plain.largest.microBatch);
  });

  it('has the rule of thumb beside it', () => {
    const { ruleOfThumb, parameters } = estimate('gemma-2-2b', { method: 'lora' });
    expect(ruleOfThumb).toEqual({ model: 4 * parameters, backward: 8 * parameters, optimizerStep: 16 * parameters });
  });

  it('gives a wide range of time and energy, and says from where', () => {
    const { duration } = estimate('gemma-2-2b', { method: 'qlora' }, { rows: 49_600, tokensPerRow: 150 });
    // The reference run took 2.8 hours, with its evaluation.
    expect(duration.seconds?.low).toBeLessThan(2.8 * 3600);
    expect(duration.seconds?.high).toBeGreaterThan(3600);
    expect(duration).toMatchObject({ steps: 4134, tokens: 49_608 * 150 });
    expect(duration.basis).not.toBe('');
  });

  it('says that the duration is unknown where nothing is known of the rows', () => {
    expect(estimate('gemma-2-2b', { method: 'lora' }).duration).toMatchObject({
      steps: null,
      seconds: null,
      wattHours: null,
      basis: expect.stringMatching(/Unknown/) as string,
    });
  });

  it('of SmolLM2-135M on the CPU covers what was measured', () => {
    const given = { hosts: 'cpu', rows: 120, tokensPerRow: 125 };
    const { duration } = estimate('SmolLM2-135M', { method: 'lora', microBatch: 4 }, given);
    // 30 steps took 178 s on one quiet core.
    expect(duration.steps).toBe(30);
    expect(duration.seconds?.low).toBeLessThan(178);
    expect(duration.seconds?.high).toBeGreaterThan(178);
  });

  it.each([
    [{ method: 'lora', gpus: 4 }, 'training.gpus'],
    [{ method: 'lora', sequenceLength: 8193 }, 'training.sequenceLength'],
    [{ method: 'lora', strategy: 'single', gpus: 2 }, 'training.gpus'],
  ] as const)('refuses %j', (training, field) => {
    expect(() => estimate('gemma-2-2b', training)).toThrowError(expect.objectContaining({ field }) as Error);
  });
});

describe('hosts', () => {
  it.each([
    ['3x48GB', 3, 48e9],
    ['1 x 24gb', 1, 24e9],
    ['2x80GiB', 2, 80 * 1024 ** 3],
    ['cpu', 0, 32e9],
  ])('%s', (text, gpus, memory) => {
    expect(parseHosts(text, 32e9)).toMatchObject({ gpus, memory });
  });

  it.each(['', '3', '48GB', '0x48GB', '9x48GB', '3x0GB', 'gpu', '3x48GB; rm', '-1x48GB'])('refuses "%s"', (text) => {
    expect(() => parseHosts(text, 32e9)).toThrowError(expect.objectContaining({ field: 'hosts' }) as Error);
  });
});
