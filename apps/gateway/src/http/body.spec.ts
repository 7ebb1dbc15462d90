import { describe, expect, it } from 'vitest';
import { sampleRequest } from '@anneal/testing';
import { checkSpec, InvalidSpec } from '../runs/spec.check.js';
import { readJson, readYaml } from './body.js';

function problemsOf(act: () => unknown): readonly { field: string; message: string }[] {
  try {
    act();
  } catch (error) {
    if (error instanceof InvalidSpec) return error.problems;
    throw error;
  }
  return [];
}

describe('a body', () => {
  it('is the same RunSpec as JSON and as YAML', () => {
    const yaml =
      'model: { base: "file:/models/tiny" }\ndataset:\n  source: file:/data/sums.jsonl\ntraining: { method: lora }\n';
    expect(checkSpec(readYaml(yaml))).toEqual(checkSpec(readJson(JSON.stringify(sampleRequest))));
  });

  it('that cannot be read says where', () => {
    // Also of a job or a key, which are no RunSpecs.
    expect(() => readJson('{"model": ')).toThrow(
      expect.objectContaining({
        code: 'REQUEST_INVALID',
        message: expect.stringMatching(/^The body is not JSON \(.*\)\.$/) as string,
      }) as Error,
    );
    expect(problemsOf(() => readYaml('a: [1\nb: 2'))[0]?.message).toMatch(/not YAML .*line/);
  });

  it('may be empty, which is no RunSpec', () => {
    expect(readJson('')).toBeUndefined();
    expect(problemsOf(() => checkSpec(readYaml(' \n')))).toEqual([expect.objectContaining({ field: '(whole)' })]);
  });

  it('does not unfold aliases', () => {
    expect(problemsOf(() => readYaml('a: &a [1]\nb: [*a, *a]\n'))).toHaveLength(1);
  });

  it.each(['a\0b', 'a\ud800b'])('may not hold text that no database keeps', (system) => {
    const spec = { ...sampleRequest, dataset: { ...sampleRequest.dataset, system } };
    expect(problemsOf(() => checkSpec(readJson(JSON.stringify(spec))))).toEqual([
      expect.objectContaining({ field: 'dataset.system' }),
    ]);
  });

  it('names every field at fault', () => {
    const problems = problemsOf(() =>
      checkSpec({ ...sampleRequest, name: 'Not A Name', training: { method: 'magic' } }),
    );
    expect(problems.map(({ field }) => field).toSorted()).toEqual(['name', 'training.method']);
  });
});
