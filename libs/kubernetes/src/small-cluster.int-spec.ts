import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { SmallCluster } from '@anneal/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { readKubeConfig } from './cluster-access.js';
import { ClusterClient } from './cluster-client.js';
import { describeClusterContract } from './cluster.contract.suite.js';
import { plainJob } from './cluster-job.fixture.js';
import { jobName, labelsOf } from './cluster-job.js';
import { ClusterJobs } from './cluster-jobs.js';

const folder = mkdtempSync(join(tmpdir(), 'anneal-cluster-'));
const started = SmallCluster.start(folder);
afterAll(async () => {
  await (await started).stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

describeClusterContract('the small cluster', async () => {
  const { kubeConfig } = await started;
  return { kubeConfig, image: 'this machine', patienceMs: 20_000 };
});

describe('the client of a cluster', () => {
  const jobs = async (change = {}): Promise<ClusterJobs> =>
    new ClusterJobs(
      new ClusterClient({ ...readKubeConfig((await started).kubeConfig), ...change }),
      'nobody',
      'training',
    );

  it('asks again when the server is busy, as late as that says', async () => {
    (await started).fail(/^GET .*\/jobs/, { status: 429, retryAfter: 1 });
    const before = performance.now();
    expect(await (await jobs()).list()).toEqual([]);
    expect(performance.now() - before).toBeGreaterThan(900);
  });

  it('asks again when the connection breaks', async () => {
    (await started).fail(/^GET .*\/jobs/, 'drop', 2);
    expect(await (await jobs()).list()).toEqual([]);
  });

  it('opens a watch again that brings nothing any more', async () => {
    const cluster = await started;
    const silent = new ClusterJobs(new ClusterClient(readKubeConfig(cluster.kubeConfig), 200), 'silent', 'training');
    const identity = { ...plainJob.identity, installation: 'silent', jobId: randomUUID() };
    const name = jobName(identity);
    const over = new AbortController();
    const views: boolean[] = [];
    const errors: unknown[] = [];
    const onView = (job: unknown): void => void views.push(job !== undefined);
    const onError = (error: unknown): void => void errors.push(error);
    const watching = silent.watch({ name, jobId: identity.jobId }, onView, onError, over.signal);
    await until(() => views.length > 0);
    cluster.muteStreams();
    cluster.objects.create('jobs', { metadata: { name, labels: labelsOf(identity) }, spec: { suspend: true } });
    await until(() => views.at(-1) === true);
    over.abort();
    await watching;
    expect(errors).toEqual([]);
  });

  it.each([
    ['a token that is no longer good', { token: () => 'old' }, 'CLUSTER_REFUSED', /Role of docs\/kubernetes.md/],
    ['a namespace that is not there', { namespace: 'gone' }, 'CLUSTER_REFUSED', /namespace gone/],
  ])('says what to do about %s', async (_what, change, code, remedy) => {
    await expect((await jobs(change)).list()).rejects.toMatchObject({
      code,
      remedy: expect.stringMatching(remedy) as string,
    });
  });

  it('says that it cannot reach a server that is not there', { timeout: 30_000 }, async () => {
    const nowhere = await jobs({ server: 'http://127.0.0.1:9' });
    await expect(nowhere.list()).rejects.toMatchObject({ code: 'CLUSTER_UNAVAILABLE', retryable: true });
  });
});

async function until(look: () => boolean): Promise<void> {
  for (const giveUpAt = Date.now() + 10_000; !look(); await pause(20)) {
    if (Date.now() > giveUpAt) throw new Error('it was not seen');
  }
}
