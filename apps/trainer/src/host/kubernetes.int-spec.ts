import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { PauseRequested, RunCancelled, StageFailed, TrainingCompleted, TrainingPaused } from '@anneal/contracts';
import { until } from '@anneal/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { isAlive, TestTrainer } from '../trainer.fixture.js';
import { describeHostContract } from './host.contract.suite.js';

const settings = { CHECKPOINT_UPLOAD_SECONDS: '1' };
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
let trainer: TestTrainer;
beforeAll(async () => {
  trainer = await TestTrainer.start();
  await trainer.moveToCluster(settings);
}, 120_000);
afterAll(() => trainer.stop());
afterEach(async () => {
  trainer.cluster.setPodFaults({});
  await trainer.engine.setFaults({});
});

const restart = async (environment: Record<string, string> = {}): Promise<void> => {
  await trainer.stopService();
  await trainer.startService({ ...settings, ...environment });
};
const jobOf = (runId: string): string | undefined =>
  trainer.cluster.jobs.find(({ metadata }) => metadata.annotations?.['anneal.dev/run'] === runId)?.metadata.name;
const madeFor = (runId: string) => until(`a Job for ${runId}`, () => jobOf(runId));
const phase = (runId: string, words: RegExp) =>
  until(`${String(words)} of ${runId}`, () =>
    trainer.progress.find((said) => said.runId === runId && words.test(said.phase)),
  );
const storedCheckpoint = (runId: string) =>
  until('a stored checkpoint', async () => {
    const rows = await trainer.query(`SELECT step FROM training_checkpoint WHERE run_id = '${runId}'`);
    return rows.length > 0;
  });

describeHostContract('the cluster', () => trainer);

describe('the Job of a training', () => {
  it('carries its configuration and no key of the object store', async () => {
    await restart();
    await trainer.engine.setFaults({ stepMs: 100 });
    await trainer.prepare('told', { prompt: 'load-qa' }, 10);
    const name = await madeFor('told');
    const { cluster } = trainer;
    await trainer.step('told', 1);
    const map = cluster.objects.get('configmaps', name)?.['data'] as Record<string, string>;
    expect(map).toMatchObject({ NUM_PROCESSES: '1', YAML_FILE: '/etc/anneal/axolotl.yaml' });
    expect(map['MODEL_NAME']).toBe(await nameOf('told'));
    const said = JSON.stringify([cluster.jobs, map, cluster.objects.list('secrets'), cluster.objects.list('pods')]);
    for (const secret of trainer.storeKeys) expect(said).not.toContain(secret);
    const { training } = await trainer.word(TrainingCompleted, 'told');
    expect(map['axolotl.yaml']).toBe(String(await trainer.store.getFile(training.planArtifact, 'axolotl.yaml')));
  });

  it('is gone with all that belongs to it when the training is over', async () => {
    await until('an empty cluster', () => trainer.cluster.jobs.length === 0);
    for (const plural of ['pods', 'configmaps', 'secrets']) expect(trainer.cluster.objects.list(plural)).toEqual([]);
  });

  it('is made once, also when the answer to its making was lost', async () => {
    trainer.cluster.fail(/^POST .*\/jobs$/, 'drop-answer');
    await trainer.prepare('once');
    await trainer.word(TrainingCompleted, 'once');
    expect(trainer.starts('once')).toHaveLength(1);
  });

  it('gets what it waits for from the next attempt when the cluster refused it while it was made', async () => {
    trainer.cluster.fail(/^POST .*\/secrets$/, {
      ...{ status: 403, reason: 'Forbidden' },
      message: 'secrets "x" is forbidden: exceeded quota: trainings, requested: count/secrets=1',
    });
    await trainer.prepare('half-made');
    await trainer.word(TrainingCompleted, 'half-made');
    expect(trainer.starts('half-made')).toHaveLength(1);
  });

  it('is followed through watches that end, expire and break, and a busy server, without a line lost or told twice', async () => {
    const { cluster } = trainer;
    await trainer.engine.setFaults({ stepMs: 100 });
    await trainer.prepare('followed', {}, 40);
    await trainer.step('followed', 3);
    cluster.expireWatches();
    await trainer.step('followed', 8);
    cluster.fail(/^GET .*\/(jobs|pods)\?/, { status: 429, retryAfter: 1 }, 2);
    cluster.objects.forget();
    cluster.cutStreams();
    await trainer.step('followed', 20);
    cluster.fail(/^GET .*\/log/, 'drop', 2);
    cluster.cutStreams();
    const { training } = await trainer.word(TrainingCompleted, 'followed');
    expect(training).toMatchObject({ resumed: 0, steps: 40 });
    expect(trainer.steps('followed')).toEqual(numbers(40));
  });

  it('leaves no orders in the store, also those that a trainer wrote which had slept', async () => {
    const orders = async () => (await trainer.store.listNotes()).length;
    await until('no orders', async () => (await orders()) === 0);
    const [row] = (await trainer.query(`SELECT id::text FROM job WHERE run_id = 'half-made'`)) as { id: string }[];
    await trainer.store.writeNote(`anneal-train-${row?.id}-a1-${randomUUID()}`, {});
    await trainer.store.writeNote(`anneal-train-${randomUUID()}-a1-${randomUUID()}`, {});
    await until('those of another installation', async () => (await orders()) === 1);
  });

  it('is removed when no job has it, unless it is of another installation or another kind of work', async () => {
    const { cluster } = trainer;
    const orphan = (name: string, installation: string, work = 'training') => ({
      metadata: {
        name,
        labels: {
          'app.kubernetes.io/managed-by': 'anneal',
          'app.kubernetes.io/name': `anneal-${work}`,
          'anneal.dev/installation': installation,
          'anneal.dev/job': '00000000-0000-4000-8000-000000000000',
          'anneal.dev/attempt': '1',
        },
      },
      spec: { suspend: true },
    });
    cluster.objects.create('jobs', orphan('anneal-foreign-a1', 'elsewhere'));
    cluster.objects.create('jobs', orphan('anneal-merge-a1', 'anneal', 'merge'));
    cluster.objects.create('jobs', orphan('anneal-orphan-a1', 'anneal'));
    await until('its removal', () => cluster.objects.get('jobs', 'anneal-orphan-a1') === undefined);
    for (const name of ['anneal-foreign-a1', 'anneal-merge-a1']) {
      expect(cluster.objects.get('jobs', name)).toBeDefined();
      cluster.objects.remove('jobs', name);
    }
  });
});

describe('a trainer that is no longer the one', () => {
  it('leaves the pod to whoever has the job now', async () => {
    await trainer.engine.setFaults({ stepMs: 150 });
    await trainer.prepare('handed-over', {}, 40);
    await trainer.step('handed-over', 2);
    await trainer.query(
      `UPDATE job SET lease_token = lease_token + 1, lease_until = now() + interval '1 second' WHERE run_id = 'handed-over'`,
    );
    const { training } = await trainer.word(TrainingCompleted, 'handed-over');
    expect(training).toMatchObject({ resumed: 0, steps: 40 });
    expect(trainer.starts('handed-over')).toHaveLength(1);
    expect(trainer.steps('handed-over')).toEqual(numbers(40));
  });

  it('had died: the next one adopts the pod, also when it has none of its files', async () => {
    await trainer.engine.setFaults({ stepMs: 150 });
    await trainer.prepare('elsewhere', { checkpointEvery: 4 }, 40);
    await storedCheckpoint('elsewhere');
    await trainer.stopService();
    rmSync(trainer.workFolder('elsewhere'), { recursive: true, force: true });
    await trainer.startService(settings);
    const { training } = await trainer.word(TrainingCompleted, 'elsewhere');
    expect(training).toMatchObject({ resumed: 0, steps: 40 });
    expect(trainer.starts('elsewhere')).toHaveLength(1);
    expect(trainer.steps('elsewhere')).toEqual(numbers(40));
  });

  it('finds the run paused when it comes back, and its pod writes a checkpoint', async () => {
    await trainer.engine.setFaults({ stepMs: 100 });
    await trainer.prepare('paused-meanwhile', { checkpointEvery: 100 }, 100);
    await trainer.step('paused-meanwhile', 2);
    await trainer.stopService();
    await trainer.query(
      `UPDATE job SET state = 'running', attempt = 1, lease_until = now() WHERE run_id = 'paused-meanwhile'`,
    );
    await trainer.say(PauseRequested, { runId: 'paused-meanwhile', by: 'test', turn: 1 });
    await trainer.startService(settings);
    const { step } = await trainer.word(TrainingPaused, 'paused-meanwhile');
    expect(step).toBeGreaterThan(1);
    await trainer.say(RunCancelled, { runId: 'paused-meanwhile', name: 'x', seconds: 1, by: 'test', turn: 2 });
  });

  it('finds how a pod ended while it was away', async () => {
    await trainer.engine.setFaults({ stepMs: 100 });
    await trainer.prepare('ended-meanwhile', { checkpointEvery: 2 }, 16);
    await storedCheckpoint('ended-meanwhile');
    const job = await madeFor('ended-meanwhile');
    await trainer.stopService();
    await trainer.cluster.outOfMemory(job);
    await trainer.startService(settings);
    const { failure } = await trainer.word(StageFailed, 'ended-meanwhile');
    expect(failure.code).toBe('HOST_OUT_OF_MEMORY');
    expect(trainer.starts('ended-meanwhile')).toHaveLength(1);
  });
});

describe('a pod that is taken away', () => {
  it('writes and sends a checkpoint before its grace period ends, and another goes on from there', async () => {
    await trainer.engine.setFaults({ stepMs: 100 });
    await trainer.prepare('drained', { checkpointEvery: 100 }, 25);
    await trainer.step('drained', 4);
    await trainer.cluster.drain(await madeFor('drained'));
    const { training } = await trainer.word(TrainingCompleted, 'drained');
    expect(training).toMatchObject({ resumed: 1, steps: 25 });
    expect(trainer.steps('drained')).toEqual(numbers(25));
  });

  it('is tried again from its checkpoint when its node was short of memory', async () => {
    await trainer.engine.setFaults({ stepMs: 150 });
    await trainer.prepare('evicted', { checkpointEvery: 2 }, 20);
    await storedCheckpoint('evicted');
    await trainer.cluster.evict(await madeFor('evicted'), 'The node was low on resource: memory.');
    const { training } = await trainer.word(TrainingCompleted, 'evicted');
    expect(training).toMatchObject({ resumed: 1, steps: 20 });
    const retry = trainer.progress.find(({ runId, retry: said }) => runId === 'evicted' && said)?.retry;
    expect(retry?.failure).toMatchObject({
      code: 'KILLED',
      message: expect.stringContaining('low on resource') as string,
    });
  });

  it.each([
    [
      'its disk',
      'DISK_FULL',
      (job: string) => trainer.cluster.evict(job, 'Pod ephemeral local storage usage exceeds the total limit 200Gi.'),
    ],
    ['its memory', 'HOST_OUT_OF_MEMORY', (job: string) => trainer.cluster.outOfMemory(job)],
  ] as const)('fails for good when it was for %s', async (_what, code, takeAway) => {
    const id = `taken-${code.toLowerCase().replaceAll('_', '-')}`;
    await trainer.engine.setFaults({ stepMs: 200 });
    await trainer.prepare(id, {}, 100);
    await trainer.step(id, 2);
    await takeAway(await madeFor(id));
    const { failure } = await trainer.word(StageFailed, id);
    expect(failure).toMatchObject({ code, retryable: false });
    expect(jobOf(id)).toBeUndefined();
  });

  it('is lost with its node: another goes on, and what may still run there ends by itself', async () => {
    await restart({ ADOPT_SECONDS: '4' });
    await trainer.engine.setFaults({ stepMs: 200 });
    await trainer.prepare('lost', { checkpointEvery: 2 }, 300);
    await storedCheckpoint('lost');
    await trainer.engine.setFaults({ stepMs: 5 });
    const lost = trainer.cluster.loseNode(await madeFor('lost'), 60);
    const { training } = await trainer.word(TrainingCompleted, 'lost');
    expect(training).toMatchObject({ resumed: 1, steps: 300 });
    const [first] = trainer.starts('lost');
    await until('the end of the lost pod', () => lost.exit !== undefined && !isAlive(first ?? 0));
  });
});

describe('a cluster that has no room', () => {
  it('is shown while a pod waits for a node, and given up after a time', async () => {
    await restart({ KUBERNETES_SCHEDULE_SECONDS: '2' });
    trainer.cluster.setPodFaults({ unschedulable: true });
    await trainer.prepare('no-node');
    await phase('no-node', /waiting for a node: 0\/3 nodes are available/);
    const { failure } = await trainer.word(StageFailed, 'no-node');
    expect(failure).toMatchObject({ code: 'CLUSTER_REFUSED', field: 'training.gpus' });
    expect(jobOf('no-node')).toBeUndefined();
  });

  it('is waited for in the queue of Kueue, and a training that has to make room goes on later', async () => {
    await restart({ KUBERNETES_QUEUE: 'gpu-queue' });
    await trainer.engine.setFaults({ stepMs: 100 });
    await trainer.prepare('queued', { checkpointEvery: 100 }, 25);
    const first = await madeFor('queued');
    await phase('queued', /queue of the cluster/);
    expect(trainer.starts('queued')).toEqual([]);
    trainer.cluster.admit(first);
    await trainer.step('queued', 3);
    const { uid } = trainer.cluster.objects.get('jobs', first)?.metadata ?? {};
    await trainer.cluster.preempt(first);
    const second = await until('a Job in the queue', () =>
      trainer.cluster.jobs.find(({ metadata, spec }) => metadata.uid !== uid && spec?.['suspend'] === true),
    );
    trainer.cluster.admit(second.metadata.name);
    const { training } = await trainer.word(TrainingCompleted, 'queued');
    expect(training).toMatchObject({ resumed: 1, steps: 25 });
    expect(trainer.steps('queued')).toEqual(numbers(25));
  });
});

describe('a cluster that refuses', () => {
  it('an image that is not there ends the run, with what to look at', async () => {
    await restart({ KUBERNETES_STUCK_SECONDS: '1' });
    trainer.cluster.setPodFaults({ imagePull: true });
    await trainer.prepare('no-image');
    const { failure, attempts } = await trainer.word(StageFailed, 'no-image');
    expect({ failure, attempts }).toMatchObject({
      attempts: 1,
      failure: { code: 'CLUSTER_REFUSED', remedy: expect.stringContaining('KUBERNETES_IMAGE') as string },
    });
    expect(jobOf('no-image')).toBeUndefined();
  });

  it('a full quota is tried again', async () => {
    trainer.cluster.fail(/^POST .*\/jobs$/, {
      ...{ status: 403, reason: 'Forbidden' },
      message: 'jobs.batch "x" is forbidden: exceeded quota: trainings, requested: count/jobs.batch=1',
    });
    await trainer.prepare('quota');
    await trainer.word(TrainingCompleted, 'quota');
    const retry = trainer.progress.find(({ runId, retry: said }) => runId === 'quota' && said)?.retry;
    expect(retry?.failure).toMatchObject({ code: 'CLUSTER_REFUSED', retryable: true });
  });

  it.each([
    ['no-right', { status: 403, reason: 'Forbidden', message: 'cannot create resource "jobs"' }, /Role of docs/],
    [
      'no-space',
      { status: 404, reason: 'NotFound', message: 'namespaces "trainings" not found' },
      /namespace trainings/,
    ],
  ])('%s ends the run at once', async (id, fault, remedy) => {
    trainer.cluster.fail(/^POST .*\/jobs$/, fault);
    await trainer.prepare(id);
    const { failure, attempts } = await trainer.word(StageFailed, id);
    expect({ failure, attempts }).toMatchObject({
      failure: { code: 'CLUSTER_REFUSED', retryable: false },
      attempts: 1,
    });
    expect(failure.remedy).toMatch(remedy);
    expect(jobOf(id)).toBeUndefined();
  });
});

async function nameOf(runId: string): Promise<string> {
  const [row] = (await trainer.query(`SELECT input->'spec'->>'name' AS name FROM job WHERE run_id = '${runId}'`)) as {
    name: string;
  }[];
  return row?.name ?? '';
}
