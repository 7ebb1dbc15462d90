import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClusterClient } from './cluster-client.js';
import { readKubeConfig } from './cluster-access.js';
import type { Job, Pod } from './cluster-objects.js';
import { podState } from './pod-state.js';
import { plainJob } from './cluster-job.fixture.js';
import { jobName, type ClusterJob } from './cluster-job.js';
import { ClusterJobs } from './cluster-jobs.js';

export interface ClusterUnderContract {
  readonly kubeConfig: string;
  /** An image with a shell, which the nodes can pull. */
  readonly image: string;
  /** How long a pod may take from its making to its end. */
  readonly patienceMs: number;
}

const link = 'https://s3.example.com/orders';

/** What the services rely on in a cluster. The small one of the tests and real ones are held to it. */
export function describeClusterContract(name: string, given: () => Promise<ClusterUnderContract>): void {
  describe(`the contract of ${name}`, () => {
    let cluster: ClusterUnderContract;
    let client: ClusterClient;
    let jobs: ClusterJobs;
    const installation = `test-${randomUUID().slice(0, 8)}`;
    const made: string[] = [];
    beforeAll(async () => {
      cluster = await given();
      client = new ClusterClient(readKubeConfig(cluster.kubeConfig));
      jobs = new ClusterJobs(client, installation, 'training');
    });
    afterAll(async () => {
      for (const job of made) await jobs.remove(job);
      client.close();
    });

    const describeJob = (script: string, change: Partial<ClusterJob> = {}): ClusterJob => {
      const identity = { ...plainJob.identity, installation, jobId: randomUUID(), start: randomUUID() };
      const resources = { gpus: 0, cpus: 1, memory: 1, disk: 1, sharedMemory: 1 };
      const { image } = cluster;
      const job = {
        ...plainJob,
        identity,
        resources,
        image,
        command: ['sh', '-c'],
        args: [script],
        graceSeconds: 2,
        ...change,
      };
      made.push(jobName(job.identity));
      return job;
    };
    const nameOf = ({ identity }: ClusterJob): string => jobName(identity);
    const seen = async (
      job: ClusterJob,
      look: (job: Job | undefined, pod: Pod | undefined) => boolean,
    ): Promise<void> => {
      const over = new AbortController();
      const patience = AbortSignal.any([over.signal, AbortSignal.timeout(cluster.patienceMs)]);
      const look2 = (found: Job | undefined, pod: Pod | undefined): void => void (look(found, pod) && over.abort());
      await jobs.watch({ name: nameOf(job), jobId: job.identity.jobId }, look2, () => undefined, patience);
      if (!over.signal.aborted) throw new Error(`it was not seen of ${nameOf(job)} in time`);
    };
    const end = async (job: ClusterJob) => {
      let state = podState('training', undefined, undefined, Date.now());
      let podName = '';
      await seen(job, (found, pod) => {
        if (found === undefined) return false;
        podName = pod?.metadata.name ?? podName;
        state = podState('training', found, pod, Date.now());
        return state.kind === 'ended';
      });
      return { state, podName };
    };

    it('makes one Job of two starts of an attempt, and both know it', { timeout: 600_000 }, async () => {
      const first = describeJob('sleep 30');
      const second = { ...first, identity: { ...first.identity, start: randomUUID() } };
      const [one, two] = await Promise.all([jobs.create(first, link), jobs.create(second, link)]);
      expect(one.metadata.uid).toBe(two.metadata.uid);
      expect(await jobs.list(first.identity.jobId)).toHaveLength(1);
      expect(await jobs.removeWhole(nameOf(first), 60, AbortSignal.timeout(60_000))).toBe(true);
      expect(await jobs.list(first.identity.jobId)).toEqual([]);
    });

    it('gives a pod its configuration and its link, and every line of its log once', { timeout: 600_000 }, async () => {
      const words =
        'echo "$MODEL_NAME $NUM_PROCESSES $ANNEAL_ORDERS_URL $0"; cat "$YAML_FILE"; for i in 1 2 3; do echo "line $i"; done';
      const job = describeJob(words, { args: [words, '$(NUM_PROCESSES)'] });
      await jobs.create(job, link);
      const { state, podName } = await end(job);
      expect(state).toEqual({ kind: 'ended', code: 0 });
      const lines: string[] = [];
      const options = { onLine: (line: string) => void lines.push(line), isOver: () => true };
      await jobs.followLog(podName, { ...options, signal: AbortSignal.timeout(30_000) });
      expect(lines).toEqual([`gemma-2-2b-math 1 ${link} 1`, 'base_model: model', 'line 1', 'line 2', 'line 3']);
    });

    it('tells the exit status of a pod', { timeout: 600_000 }, async () => {
      const job = describeJob('exit 7');
      await jobs.create(job, link);
      expect((await end(job)).state).toEqual({ kind: 'ended', code: 7 });
    });

    it('ends a Job that takes longer than it may', { timeout: 600_000 }, async () => {
      const job = describeJob('sleep 300', { maxSeconds: 5 });
      await jobs.create(job, link);
      expect((await end(job)).state).toMatchObject({ failure: { code: 'RUN_TIME_EXCEEDED' } });
    });

    it('tells a pod to end before it kills it', { timeout: 600_000 }, async () => {
      const job = describeJob(`trap 'echo told; exit 0' TERM; echo ready; while true; do sleep 0.1; done`, {
        graceSeconds: 10,
      });
      await jobs.create(job, link);
      const lines: string[] = [];
      let podName = '';
      await seen(job, (_job, pod) => {
        podName = pod?.metadata.name ?? '';
        return pod?.status?.phase === 'Running';
      });
      let over = false;
      const following = jobs.followLog(podName, {
        onLine: (line) => void lines.push(line),
        isOver: () => over,
        signal: AbortSignal.timeout(cluster.patienceMs),
      });
      while (!lines.includes('ready')) await pause(50);
      await jobs.removeWhole(nameOf(job), 60, AbortSignal.timeout(60_000));
      over = true;
      await following;
      expect(lines).toEqual(['ready', 'told']);
    });

    it('keeps a Job in the queue until it is admitted', { timeout: 600_000 }, async () => {
      const settings = { ...plainJob.settings, queue: 'nobody-admits' };
      const job = describeJob('true', { settings });
      await jobs.create(job, link);
      await seen(job, (found, pod) => {
        const state = podState('training', found, pod, Date.now());
        return state.kind === 'waiting' && state.why.includes('queue of the cluster');
      });
    });
  });
}
