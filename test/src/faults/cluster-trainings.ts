import { join, relative } from 'node:path';
import { makeEngineImage, SmallCluster, type TestServers, type WatchEvent } from '@anneal/testing';
import { Client } from 'minio';
import type { CheapEngine } from './cheap-engine.js';
import { trainingsBelow } from './processes.js';
import { Proxy } from './proxy.js';
import type { Trainings } from './trainings.js';

/** How long a pod goes on for which nobody writes orders. Pods read them anew after a store was away for some seconds. */
const adoptSeconds = 10;
const plurals = ['jobs', 'pods', 'configmaps', 'secrets'];

/** In the pods of a small cluster, which the trainers reach through a proxy and know nothing else of. */
export class ClusterTrainings implements Trainings {
  // Its orders may have been written some seconds before the last trainer fell silent.
  readonly alone = { least: adoptSeconds - 3, most: adoptSeconds + 8 };
  /** Jobs that were made. */
  made = 0;
  private readonly runs = new Map<string, string>();
  private readonly lost = new Set<string>();
  private readonly told: string[] = [];
  private closed = false;

  private constructor(
    private readonly servers: TestServers,
    private readonly engine: CheapEngine,
    readonly cluster: SmallCluster,
    /** Between the trainers and the API server. */
    readonly way: Proxy,
    private readonly image: { readonly python: string; readonly code: string },
  ) {
    cluster.objects.changes.on('change', ({ type, plural, object }: WatchEvent) => {
      if (type !== 'ADDED') return;
      this.told.push(JSON.stringify(object));
      if (plural === 'jobs') this.made += 1;
      if (plural === 'pods') this.runs.set(object.metadata.name, runOf(object));
    });
  }

  static async open({ servers, engine }: { servers: TestServers; engine: CheapEngine }): Promise<ClusterTrainings> {
    const { folder } = servers;
    const image = makeEngineImage(join(folder, 'image'), engine);
    if (typeof image === 'string') throw new Error(image);
    const cluster = await SmallCluster.start(join(folder, 'cluster'));
    return new ClusterTrainings(servers, engine, cluster, await Proxy.before(cluster.url), image);
  }

  /** Each trainer has files of its own, as on machines of their own. */
  environment(replica: number): Record<string, string> {
    return {
      WORK_DIR: join(this.servers.folder, `work-of-trainer-${replica}`),
      TRAINING_HOST: 'kubernetes',
      KUBECONFIG: this.cluster.kubeConfigAt(this.way.url),
      KUBERNETES_IMAGE: 'registry.example.com/anneal-engine:test',
      KUBERNETES_PYTHON: this.image.python,
      KUBERNETES_ENGINE_CODE: this.image.code,
      KUBERNETES_POLL_SECONDS: '0.1',
      KUBERNETES_MEMORY_GB: '64',
      CHECKPOINT_UPLOAD_SECONDS: '1',
      ADOPT_SECONDS: String(adoptSeconds),
    };
  }

  /** What goes on on a lost node, nobody can know; it may do no harm, and that shows elsewhere. */
  living(): { run: string; pid: number }[] {
    return this.running()
      .filter(({ pod }) => !this.lost.has(pod))
      .map(({ pod, pid }) => ({ run: this.runs.get(pod) ?? pod, pid }));
  }

  starts(): string[] {
    return this.engine.trainingStarts().map((folder) => this.runs.get(this.podOf(folder)) ?? folder);
  }

  get secrets(): readonly string[] {
    return [this.cluster.token];
  }

  said(): string {
    const logs = [...this.cluster.pods.values()].flatMap(({ log }) => log.map(({ text }) => text));
    return [...this.told, ...logs].join('\n');
  }

  async leftOver(): Promise<string[]> {
    const objects = plurals.flatMap((plural) =>
      this.cluster.objects.list(plural).map(({ metadata }) => `${plural} ${metadata.name}`),
    );
    const processes = [...this.cluster.pods].filter(([, { exit }]) => exit === undefined);
    return [
      ...objects,
      ...processes.map(([pod]) => `process of ${pod}`),
      ...this.running().map(({ pod, pid }) => `training ${pid} of ${pod}`),
      ...(await this.orders()),
    ];
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    // One that has only just begun is not known to its pod yet.
    for (const { pid } of this.running()) process.kill(pid, 'SIGKILL');
    await this.cluster.stop();
    await this.way.close();
  }

  /** Name of the newest Job of a run. */
  jobOf(run: string): string {
    const job = this.cluster.jobs.findLast((known) => runOf(known) === run);
    if (job === undefined) throw new Error(`${run} has no Job`);
    return job.metadata.name;
  }

  /** The node of a run's pod is not heard of any more. @returns whether the pod is over all the same */
  loseNode(run: string): () => boolean {
    const job = this.jobOf(run);
    const pod = [...this.cluster.pods.keys()].findLast((name) => name.startsWith(`${job}-`)) ?? '';
    this.lost.add(pod);
    // So long ago that nobody waits for it any more.
    const process = this.cluster.loseNode(job, 60);
    return () => process.exit !== undefined && this.running().every((running) => running.pod !== pod);
  }

  /** What trainers told pods, in the object store. */
  private async orders(): Promise<string[]> {
    const { endpoint, accessKey, secretKey, bucket } = this.servers.servers.s3;
    const { hostname, port } = new URL(endpoint);
    const client = new Client({ endPoint: hostname, port: Number(port), useSSL: false, accessKey, secretKey });
    const found: string[] = [];
    for await (const item of client.listObjectsV2(bucket, 'notes/', true))
      found.push(String((item as { name?: string }).name));
    return found;
  }

  private running(): { pod: string; pid: number }[] {
    return trainingsBelow(this.pods).map(({ pid, folder }) => ({ pod: this.podOf(folder), pid }));
  }

  private podOf(folder: string): string {
    return relative(this.pods, folder).split('/')[0] ?? '';
  }

  private get pods(): string {
    return join(this.cluster.folder, 'pods');
  }
}

function runOf({ metadata }: { metadata: { annotations?: Record<string, string> } }): string {
  return metadata.annotations?.['anneal.dev/run'] ?? '';
}
