import { describe, expect, it } from 'vitest';
import { acceptRunSpec, parseRunSpec, readTrainRequest } from './index.js';

const smallest = { model: { base: 'acme/base' }, dataset: { source: 'acme/data' }, training: { method: 'lora' } };

const judgedBy = (benchmarks: object[], policy = {}) => ({ ...smallest, evaluation: { benchmarks, policy } });

describe('RunSpec', () => {
  it('needs a model, a dataset and a method, and nothing else', () => {
    const parsed = parseRunSpec(smallest);
    expect(parsed).toMatchObject({
      ok: true,
      spec: {
        version: 1,
        dataset: { split: 'train', heldOut: 0.1 },
        training: { epochs: 1, seed: 42, strategy: 'auto' },
        evaluation: { benchmarks: [{ name: 'held-out' }], policy: { alpha: 0.05 } },
        publish: { when: 'improved', private: true },
      },
    });
  });

  it('reads the reference run', () => {
    const parsed = parseRunSpec({
      name: 'gemma-2-2b-math',
      model: { base: 'google/gemma-2-2b', revision: 'main' },
      dataset: { source: 'nvidia/AceReason-Math', split: 'train', columns: { question: 'problem', answer: 'answer' } },
      training: { method: 'qlora', epochs: 1, gpus: 3 },
      evaluation: { benchmarks: [{ name: 'mmlu-pro', subjects: ['math'] }] },
      publish: { when: 'improved', to: 'hub:acme/gemma-2-2b-math', private: true },
    });
    expect(parsed.ok).toBe(true);
  });

  it('learns from preference pairs by any method, and takes "dpo" as short for an adapter that does', () => {
    const trained = (training: object) => {
      const parsed = parseRunSpec({ ...smallest, training });
      return parsed.ok ? parsed.spec.training : undefined;
    };
    expect(trained({ method: 'qlora', objective: 'dpo', dpo: { beta: 0.3 } })).toMatchObject({
      ...{ method: 'qlora', objective: 'dpo', dpo: { beta: 0.3 } },
    });
    expect(trained({ method: 'dpo' })).toEqual(trained({ method: 'lora', objective: 'dpo' }));
    expect(trained({ method: 'dpo', objective: 'dpo', dpo: {} })?.dpo).toEqual({ beta: 0.1 });
    expect(trained({ method: 'lora' })?.objective).toBe('sft');
  });

  it.each([
    'acme/data',
    'hub:acme/data',
    'file:/data/d.jsonl',
    `artifact:${'0a'.repeat(32)}`,
    'https://example.com/d.jsonl?signature=a%20b',
    's3:data/sets/train',
    's3://data/d.parquet',
  ])('takes its data from %s', (source) => {
    expect(parseRunSpec({ ...smallest, dataset: { source, tokenRef: 'env:HF_TOKEN' } }).ok).toBe(true);
  });

  it('judges by several benchmarks, of which some are guards', () => {
    const benchmarks = [
      { name: 'mmlu-pro', subjects: ['math'], prompt: 'chat', limit: 500, seed: 7 },
      {
        name: 'own-set',
        source: `artifact:${'0a'.repeat(32)}`,
        score: 'number',
        tolerance: 0.01,
        guard: true,
        margin: 0.02,
      },
    ];
    expect(parseRunSpec(judgedBy(benchmarks, { alpha: 0.01, minimumEffect: 0.02 }))).toMatchObject({
      ok: true,
      spec: { evaluation: { benchmarks, policy: { alpha: 0.01, minimumEffect: 0.02 } } },
    });
  });

  it('names tasks of lm-eval, and of its metrics the one that says of each answer whether it is right', () => {
    const task = { name: 'lm-eval', task: 'tmmluplus_education_(profession_level)', metric: 'acc_norm', shots: 5 };
    expect(parseRunSpec(judgedBy([task]))).toMatchObject({ ok: true, spec: { evaluation: { benchmarks: [task] } } });
    const chat = { name: 'lm-eval', task: 'mmlu', prompt: 'chat', multiturn: false, system: 'Be short.' };
    expect(parseRunSpec(judgedBy([chat]))).toMatchObject({ ok: true, spec: { evaluation: { benchmarks: [chat] } } });
    const scored = (score: string) => parseRunSpec(judgedBy([{ name: 'own-set', source: 'file:/set.jsonl', score }]));
    expect(scored('lm-eval:exact_match').ok).toBe(true);
    expect(scored('lm-eval:bleu')).toMatchObject({
      problems: [{ message: expect.stringContaining('say of no single answer whether it is right') as string }],
    });
    expect(scored('bleu')).toMatchObject({
      problems: [{ message: expect.stringContaining('"lm-eval:exact_match"') as string }],
    });
  });

  it('holds rows of another source out, when it says so', () => {
    const dataset = { source: 'acme/data', heldOutFrom: 'file:/data/questions.jsonl' };
    expect(parseRunSpec({ ...smallest, dataset })).toMatchObject({ ok: true, spec: { dataset } });
  });

  it.each([
    [{ ...smallest, training: { method: 'lora', learning_rte: 1 } }, 'training.learning_rte'],
    [{ ...smallest, training: { method: 'lora', maxSteps: 0 } }, 'training.maxSteps'],
    [{ ...smallest, training: { method: 'lora', epochs: 0 } }, 'training.epochs'],
    [{ ...smallest, trianing: {} }, 'trianing'],
    [{ ...smallest, model: {} }, 'model.base'],
    [{ ...smallest, model: { base: '../../etc' } }, 'model.base'],
    [{ ...smallest, model: { base: 'https://somewhere/model' } }, 'model.base'],
    [{ ...smallest, dataset: { source: 'file:/a\nb' } }, 'dataset.source'],
    [{ ...smallest, dataset: { source: 'artifact:train.jsonl' } }, 'dataset.source'],
    [{ ...smallest, dataset: { source: 'http://example.com/train.jsonl' } }, 'dataset.source'],
    [{ ...smallest, dataset: { source: 'https://' } }, 'dataset.source'],
    [{ ...smallest, dataset: { source: 's3:Bucket' } }, 'dataset.source'],
    [{ ...smallest, dataset: { source: 'acme/data', tokenRef: 'hf_secret' } }, 'dataset.tokenRef'],
    [{ ...smallest, dataset: { source: `artifact:${'0A'.repeat(32)}` } }, 'dataset.source'],
    [{ ...smallest, dataset: { source: 'acme/data', heldOutFrom: 'questions.jsonl' } }, 'dataset.heldOutFrom'],
    [{ ...smallest, training: { method: 'magic' } }, 'training.method'],
    [{ ...smallest, training: { method: 'dpo', objective: 'sft' } }, 'training.method'],
    [{ ...smallest, training: { method: 'dpo', dpo: { beta: 0 } } }, 'training.dpo.beta'],
    [{ ...smallest, training: { method: 'dpo', dpo: { bta: 1 } } }, 'training.dpo.bta'],
    [{ ...smallest, training: { method: 'lora', dpo: { beta: 1 } } }, 'training.dpo'],
    [{ ...smallest, training: { method: 'dpo', samplePacking: true } }, 'training.samplePacking'],
    [
      { ...smallest, training: { method: 'dpo', axolotl: { train_on_inputs: true } } },
      'training.axolotl.train_on_inputs',
    ],
    [
      { ...smallest, training: { method: 'dpo' }, dataset: { source: 'acme/data', columns: { answer: 'a' } } },
      'dataset.columns.answer',
    ],
    [{ ...smallest, dataset: { source: 'acme/data', columns: { chosen: 'a' } } }, 'dataset.columns.chosen'],
    [{ ...smallest, id: 'Not An Id' }, 'id'],
    [{ ...smallest, publish: { tokenRef: 'hf_secret' } }, 'publish.tokenRef'],
    [judgedBy([{ name: 'mmlu-pro', source: 'artifact:test.jsonl' }]), 'evaluation.benchmarks.0.source'],
    [judgedBy([{ name: 'own-set', source: 'acme/questions' }]), 'evaluation.benchmarks.0.source'],
    [judgedBy([{ name: 'lm-eval', task: '../tasks/mine.yaml' }]), 'evaluation.benchmarks.0.task'],
    [judgedBy([{ name: 'lm-eval', task: '/tasks/mine.yaml' }]), 'evaluation.benchmarks.0.task'],
    [judgedBy([{ name: 'lm-eval', task: '--model=x' }]), 'evaluation.benchmarks.0.task'],
    [judgedBy([{ name: 'lm-eval', task: 'arc_easy,piqa' }]), 'evaluation.benchmarks.0.task'],
    [judgedBy([{ name: 'lm-eval', task: 'arc_easy', include: 'file:/tasks' }]), 'evaluation.benchmarks.0.include'],
    [judgedBy([{ name: 'lm-eval', task: 'arc_easy', multiturn: false }]), 'evaluation.benchmarks'],
    [judgedBy([{ name: 'lm-eval', task: 'arc_easy', system: '' }]), 'evaluation.benchmarks.0.system'],
    [judgedBy([{ name: 'held-out', guard: true }]), 'evaluation.benchmarks'],
    [judgedBy([{ name: 'held-out', margin: 0.01 }]), 'evaluation.benchmarks'],
    [judgedBy([{ name: 'held-out' }], { minimumEffect: 1.5 }), 'evaluation.policy.minimumEffect'],
    [[], '(whole)'],
    ['text', '(whole)'],
    [null, '(whole)'],
  ])('names the field at fault in %j', (input, field) => {
    const parsed = parseRunSpec(input);
    expect(parsed.ok ? [] : parsed.problems.map((problem) => problem.field)).toContain(field);
  });

  it('names every field at fault, not only the first', () => {
    const parsed = parseRunSpec({ dataset: { source: 3 }, training: { method: 'lora' } });
    expect(parsed.ok ? [] : parsed.problems.map(({ field }) => field)).toEqual(['model', 'dataset.source']);
  });

  it('is refused when its events would be too large for the broker', () => {
    const subjects = Array.from({ length: 100 }, (_, index) => `${index} ${'ä'.repeat(50)}`);
    const benchmarks = Array.from({ length: 10 }, () => ({ name: 'mmlu-pro', subjects }));
    expect(parseRunSpec({ ...smallest, evaluation: { benchmarks } })).toEqual({
      ok: false,
      problems: [{ field: '(whole)', message: 'a RunSpec has at most 65536 bytes' }],
    });
  });

  it('gives a nameless run a valid name from its base model and id', () => {
    const parsed = parseRunSpec({ ...smallest, model: { base: 'file:/models/SmolLM2 135M' } });
    if (!parsed.ok) throw new Error('does not parse');
    expect(acceptRunSpec(parsed.spec, '0198-abcd-12345678').name).toBe('smollm2-135m-12345678');
  });
});

describe('a request at the front door', () => {
  it('is named by its own id, else by the id of the event', () => {
    expect(readTrainRequest({ ...smallest, id: 'mine' }, 'event-1').runId).toBe('mine');
    expect(readTrainRequest(smallest, 'event-1').runId).toBe('event-1');
    expect(readTrainRequest(smallest, 'Strange id/1').runId).toMatch(/^run-[0-9a-f]{24}$/);
  });

  it('is rejected under the id of the event, so that it never touches the run that has the id asked for', () => {
    expect(readTrainRequest({ ...smallest, id: 'mine', extra: 1 }, 'event-2')).toMatchObject({
      ok: false,
      runId: 'event-2',
    });
    expect(readTrainRequest(undefined, 'event-3')).toMatchObject({ ok: false, problems: [{ field: '(whole)' }] });
  });
});
