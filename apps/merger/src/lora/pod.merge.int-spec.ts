import { ModelMerged, RunCancelled, StageFailed } from '@anneal/contracts';
import { restrictedProblems, until } from '@anneal/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TestMerger } from '../merger.fixture.js';

let merger: TestMerger;
beforeAll(async () => {
  merger = await TestMerger.start();
}, 120_000);
afterAll(() => merger.stop());
afterEach(() => merger.engine.setFaults({}));

const jobOf = (runId: string): string | undefined =>
  merger.cluster.jobs.find(({ metadata }) => metadata.annotations?.['anneal.dev/run'] === runId)?.metadata.name;
/** A Job of the run whose merge goes on. */
const merging = (runId: string) =>
  until(`the merge of ${runId}`, () => {
    const name = jobOf(runId);
    const ofRun = [...merger.cluster.pods].find(([pod]) => name !== undefined && pod.startsWith(`${name}-`));
    return ofRun?.[1].log.some(({ text }) => text.includes('"word": "started"')) ? name : undefined;
  });
const podsOf = (job: string): number =>
  [...merger.cluster.pods.keys()].filter((pod) => pod.startsWith(`${job}-`)).length;
const gone = (runId: string) => until(`the end of the Job of ${runId}`, () => jobOf(runId) === undefined);
const cancelled = (runId: string) => ({ runId, name: 'x', seconds: 1, by: 'test', turn: 1 });

describe('a merge in a pod', () => {
  it('makes the same artifact as on the machine of the service', async () => {
    await merger.trained('here');
    const here = await merger.word(ModelMerged, 'here');
    await merger.moveToCluster();
    await merger.trained('there');
    const there = await merger.word(ModelMerged, 'there');
    expect(there.merge.artifact).toEqual(here.merge.artifact);
    expect(there.merge.parity).toEqual(here.merge.parity);
    const phases = merger.progress.filter(({ runId }) => runId === 'there').map(({ phase }) => phase);
    expect(phases).toEqual(expect.arrayContaining(['fetching', 'merging', 'comparing with the adapter', 'storing']));
  });

  it('leaves nothing in the cluster', async () => {
    await until('an empty cluster', () => merger.cluster.jobs.length === 0);
    for (const plural of ['pods', 'configmaps', 'secrets']) expect(merger.cluster.objects.list(plural)).toEqual([]);
  });

  it('is begun for no full fine-tune', async () => {
    const weights = await merger.store.putDirectory('weights', merger.engine.model);
    const before = merger.cluster.pods.size;
    await merger.trained('full', { method: 'full', artifact: weights });
    const { merge } = await merger.word(ModelMerged, 'full');
    expect(merge.parity.targets).toBe(0);
    expect(merger.cluster.pods.size).toBe(before);
  });

  it('is told without a key of the object store, and runs under the restricted standard', async () => {
    await merger.engine.setFaults({ mergeMs: 1_000 });
    await merger.trained('told');
    const job = await merging('told');
    const { objects, jobs } = merger.cluster;
    const map = objects.get('configmaps', job)?.['data'] as Record<string, string>;
    expect(map).toMatchObject({ YAML_FILE: '/etc/anneal/merge.yaml' });
    const said = JSON.stringify([jobs, map, objects.list('secrets'), objects.list('pods')]);
    for (const secret of merger.storeKeys) expect(said).not.toContain(secret);
    for (const { spec } of objects.list('pods')) expect(restrictedProblems(spec)).toEqual([]);
    await merger.word(ModelMerged, 'told');
  });
});

describe('a merge in a pod that is disturbed', () => {
  it('is tried again when its pod is evicted', async () => {
    await merger.engine.setFaults({ mergeMs: 20_000 });
    await merger.trained('evicted');
    const job = await merging('evicted');
    await merger.engine.setFaults({});
    await merger.cluster.evict(job, 'The node was low on resource: memory.');
    await merger.word(ModelMerged, 'evicted');
    const retry = merger.progress.find(({ runId, retry: said }) => runId === 'evicted' && said)?.retry;
    expect(retry?.failure).toMatchObject({
      code: 'KILLED',
      message: expect.stringContaining('low on resource') as string,
    });
  });

  it('fails for good when its pod has too little memory', async () => {
    await merger.engine.setFaults({ mergeMs: 20_000 });
    await merger.trained('no-memory');
    await merger.cluster.outOfMemory(await merging('no-memory'));
    const { failure, attempts } = await merger.word(StageFailed, 'no-memory');
    expect({ failure, attempts }).toMatchObject({ attempts: 1, failure: { code: 'HOST_OUT_OF_MEMORY' } });
    expect(failure.field).toBeUndefined();
    await gone('no-memory');
  });

  it('goes on without its service, which adopts it again', async () => {
    await merger.engine.setFaults({ mergeMs: 1_500 });
    await merger.trained('adopted');
    const job = await merging('adopted');
    await merger.stopService();
    expect(jobOf('adopted')).toBe(job);
    await merger.startService();
    await merger.word(ModelMerged, 'adopted');
    expect(podsOf(job)).toBe(1);
    await gone('adopted');
  });

  it('is removed when its run is cancelled', async () => {
    await merger.engine.setFaults({ mergeMs: 60_000 });
    await merger.trained('cancelled');
    const job = await merging('cancelled');
    const [, pod] = [...merger.cluster.pods].find(([name]) => name.startsWith(`${job}-`)) ?? [];
    await merger.say(RunCancelled, cancelled('cancelled'));
    await gone('cancelled');
    expect(pod?.exit).toBeDefined();
    expect(merger.heard.map(({ event, definition }) => `${definition.name} ${event.runId}`)).not.toContain(
      'StageFailed cancelled',
    );
  });

  it('is removed, too, when that was said while no service was there', async () => {
    await merger.engine.setFaults({ mergeMs: 60_000 });
    await merger.trained('orphan');
    await merging('orphan');
    await merger.stopService();
    await merger.say(RunCancelled, cancelled('orphan'));
    expect(jobOf('orphan')).toBeDefined();
    await merger.startService();
    await gone('orphan');
  });

  it('is removed when no job has it, and a training is left alone', async () => {
    const { objects } = merger.cluster;
    const orphan = (name: string, work: string) => ({
      metadata: {
        name,
        labels: {
          'app.kubernetes.io/managed-by': 'anneal',
          'app.kubernetes.io/name': `anneal-${work}`,
          'anneal.dev/installation': 'anneal',
          'anneal.dev/job': '00000000-0000-4000-8000-000000000000',
          'anneal.dev/attempt': '1',
        },
      },
      spec: { suspend: true },
    });
    objects.create('jobs', orphan('anneal-train-a1', 'training'));
    objects.create('jobs', orphan('anneal-merge-a1', 'merge'));
    await until('its removal', () => objects.get('jobs', 'anneal-merge-a1') === undefined);
    expect(objects.get('jobs', 'anneal-train-a1')).toBeDefined();
    objects.remove('jobs', 'anneal-train-a1');
  });
});

describe('a merge for which the cluster has no room', () => {
  it('shows what it waits for, and is given up after a time', async () => {
    await merger.stopService();
    await merger.startService({ KUBERNETES_SCHEDULE_SECONDS: '2' });
    merger.cluster.setPodFaults({ unschedulable: true });
    await merger.trained('no-node');
    const { failure } = await merger.word(StageFailed, 'no-node');
    merger.cluster.setPodFaults({});
    expect(failure).toMatchObject({
      code: 'CLUSTER_REFUSED',
      message: expect.stringContaining('The pod of the merge did not start') as string,
    });
    expect(failure.field).toBeUndefined();
    const phases = merger.progress.filter(({ runId }) => runId === 'no-node').map(({ phase }) => phase);
    expect(phases).toContainEqual(expect.stringContaining('waiting for a node: 0/3 nodes'));
    await gone('no-node');
  });
});

describe('a merge in a pod that must not pass', () => {
  it.each([
    ['the adapter fits nothing', { matchesNothing: true }],
    ['the weights are not base and adapter', { mergeScale: 1.5 }],
  ])('is refused when %s', async (name, faults) => {
    await merger.engine.setFaults(faults);
    const id = name.replaceAll(' ', '-');
    await merger.trained(id);
    const { failure } = await merger.word(StageFailed, id);
    expect(failure.code).toBe('MERGE_MISMATCH');
    expect(jobOf(id)).toBeUndefined();
  });
});
