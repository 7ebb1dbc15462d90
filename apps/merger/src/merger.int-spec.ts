import { existsSync } from 'node:fs';
import { ModelMerged, RunCancelled, StageFailed, type ArtifactRef } from '@anneal/contracts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TestMerger } from './merger.fixture.js';

let merger: TestMerger;
beforeAll(async () => {
  merger = await TestMerger.start();
}, 120_000);
afterAll(() => merger.stop());
afterEach(() => merger.engine.setFaults({}));

describe('a merge', () => {
  it('makes one model of base and adapter, with the tokenizer of the training', async () => {
    await merger.trained('plain');
    const { merge } = await merger.word(ModelMerged, 'plain');
    expect(merge.parity).toEqual({
      targets: 1,
      untouched: 1,
      largestWeightDifference: 0,
      largestLogitDifference: 0,
      sameNextToken: true,
    });
    expect(merge.artifact.kind).toBe('model');
    const { files } = await merger.store.readManifest(merge.artifact);
    expect(files.map(({ path }) => path)).toEqual([
      'chat_template.jinja',
      'config.json',
      'generation_config.json',
      'model.safetensors',
      'tokenizer.json',
    ]);
    expect(String(await merger.store.getFile(merge.artifact, 'chat_template.jinja'))).toBe('{{ trained }}');
    expect(existsSync(merger.workFolder('plain'))).toBe(false);
  });

  it('passes the weights of a full fine-tune on, byte for byte', async () => {
    const weights = await merger.store.putDirectory('weights', merger.engine.model);
    await merger.trained('full', { method: 'full', artifact: weights });
    const { merge } = await merger.word(ModelMerged, 'full');
    expect(merge).toMatchObject({ artifact: { kind: 'model', bytes: weights.bytes }, parity: { targets: 0 } });
    const files = async (ref: ArtifactRef) => (await merger.store.readManifest(ref)).files;
    expect(await files(merge.artifact)).toEqual(await files(weights));
  });
});

describe('a merge that must not pass', () => {
  it.each([
    ['the adapter fits nothing', { matchesNothing: true }],
    ['the weights are not base and adapter', { mergeScale: 1.5 }],
  ])('is refused when %s', async (name, faults) => {
    await merger.engine.setFaults(faults);
    const id = name.replaceAll(' ', '-');
    await merger.trained(id);
    const { failure, stage } = await merger.word(StageFailed, id);
    expect({ code: failure.code, stage }).toEqual({ code: 'MERGE_MISMATCH', stage: 'merger' });
  });

  it('is refused when the base model is another one by now', async () => {
    await merger.trained('other-base', { revision: 'another' });
    const { failure } = await merger.word(StageFailed, 'other-base');
    expect(failure).toMatchObject({ code: 'MERGE_MISMATCH', field: 'model.base' });
  });

  it('does not begin for a run that was cancelled', async () => {
    await merger.say(RunCancelled, { runId: 'cancelled', name: 'x', seconds: 1, by: 'test', turn: 1 });
    await merger.trained('cancelled');
    await merger.trained('after-cancelled');
    await merger.word(ModelMerged, 'after-cancelled');
    expect(
      merger.heard.some(({ definition, event }) => definition.name === 'ModelMerged' && event.runId === 'cancelled'),
    ).toBe(false);
  });
});
