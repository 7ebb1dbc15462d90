import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { ClusterObjects, selects, type ClusterObject, type WatchEvent } from './cluster-objects.js';
import { JobController, type PodFaults } from './job-controller.js';
import type { PodProcess } from './pod-process.js';

/** What one call gets instead of its answer. `drop` breaks the connection, `drop-answer` does so when the work is done. */
export type ClusterFault =
  | { readonly status: number; readonly reason?: string; readonly message?: string; readonly retryAfter?: number }
  | 'drop'
  | 'drop-answer';

interface PlannedFault {
  readonly call: RegExp;
  readonly fault: ClusterFault;
  left: number;
}

const resources = new Map([
  ['jobs', 'batch/v1'],
  ['pods', 'v1'],
  ['configmaps', 'v1'],
  ['secrets', 'v1'],
]);
const address = /^\/(?:api|apis)\/(batch\/v1|v1)\/namespaces\/([^/]+)\/([a-z]+)(?:\/([^/]+)(\/log)?)?$/;

/**
 * A small Kubernetes: an API server that creates, gets, lists, watches and deletes the objects of one namespace, and really
 * runs the pods of Jobs, as processes of this machine.
 */
export class SmallCluster {
  /** Every call, as `METHOD /path?query`. */
  readonly calls: string[] = [];
  readonly objects = new ClusterObjects();
  /** Of the one account that it knows. */
  readonly token = 'small-token';
  private readonly controller: JobController;
  private readonly planned: PlannedFault[] = [];
  /** Watches and followed logs, each with what ends its news. */
  private readonly streams = new Map<ServerResponse, () => void>();

  private constructor(
    private readonly server: Server,
    readonly folder: string,
    readonly namespace: string,
  ) {
    this.controller = new JobController(this.objects, join(folder, 'pods'));
    server.on('request', (request, response) => {
      this.answer(request, response).catch((error: unknown) => {
        refuse(response, 500, 'InternalError', String(error));
      });
    });
  }

  static async start(folder: string, namespace = 'trainings'): Promise<SmallCluster> {
    mkdirSync(join(folder, 'pods'), { recursive: true });
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new SmallCluster(server, folder, namespace);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** A kubeconfig for it. */
  get kubeConfig(): string {
    return this.kubeConfigAt(this.url);
  }

  /** One that leads to an address before it. */
  kubeConfigAt(server: string): string {
    const file = join(this.folder, 'kubeconfig.yaml');
    const config = {
      'current-context': 'small',
      contexts: [{ name: 'small', context: { cluster: 'small', user: 'trainer', namespace: this.namespace } }],
      clusters: [{ name: 'small', cluster: { server } }],
      users: [{ name: 'trainer', user: { token: this.token } }],
    };
    // JSON is YAML, too.
    writeFileSync(file, JSON.stringify(config));
    return file;
  }

  /** What pods that are made from now on meet. */
  setPodFaults(faults: PodFaults): void {
    this.controller.faults = faults;
  }

  /** The next calls that match fail, as often as said. */
  fail(call: RegExp, fault: ClusterFault, times = 1): void {
    this.planned.push({ call, fault, left: times });
  }

  /** All watches and followed logs are cut. */
  cutStreams(): void {
    for (const stream of this.streams.keys()) stream.destroy();
  }

  /** No news comes through any more, and nothing says so: as when the machine at the other end is gone. */
  muteStreams(): void {
    for (const mute of this.streams.values()) mute();
  }

  /** All watches end as they do when their time is up. */
  expireWatches(): void {
    for (const stream of this.streams.keys()) stream.end();
  }

  get jobs(): ClusterObject[] {
    return this.objects.list('jobs');
  }

  get pods(): ReadonlyMap<string, PodProcess> {
    return this.controller.pods;
  }

  /** All processes of a pod die. */
  kill(job: string): Promise<void> {
    return this.controller.kill(job, 'Error');
  }

  /** Deletes a Job as a person may do. */
  async delete(job: string): Promise<void> {
    const found = this.objects.get('jobs', job);
    if (found !== undefined) await this.controller.delete(found);
  }

  evict(job: string, message: string): Promise<void> {
    return this.controller.evict(job, message);
  }

  outOfMemory(job: string): Promise<void> {
    return this.controller.kill(job, 'OOMKilled');
  }

  loseNode(job: string, deletedSecondsAgo: number): PodProcess {
    return this.controller.loseNode(job, deletedSecondsAgo);
  }

  drain(job: string): Promise<void> {
    return this.controller.drain(job);
  }

  /** Lets a suspended Job start, as Kueue does. */
  admit(job: string): void {
    this.objects.update('jobs', job, ({ spec }) => Object.assign(spec ?? {}, { suspend: false }));
    const admitted = this.objects.get('jobs', job);
    if (admitted !== undefined) this.controller.begin(admitted);
  }

  /** Suspends a Job whose pod runs, as Kueue does for one of higher priority. */
  async preempt(job: string): Promise<void> {
    this.objects.update('jobs', job, ({ spec }) => Object.assign(spec ?? {}, { suspend: true }));
    await this.controller.drain(job);
  }

  async stop(): Promise<void> {
    this.controller.stop();
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url: path = '/' } = request;
    const url = new URL(path, 'http://cluster');
    this.calls.push(`${method} ${path}`);
    const body = await textOf(request);
    const planned = this.planned.find(({ call, left }) => left > 0 && call.test(`${method} ${path}`));
    if (planned !== undefined) planned.left -= 1;
    const fault = planned?.fault;
    if (fault === 'drop') return void request.socket.destroy();
    if (fault !== undefined && fault !== 'drop-answer') return refuseAs(response, fault);
    if (request.headers.authorization !== `Bearer ${this.token}`)
      return refuse(response, 401, 'Unauthorized', 'Unauthorized');
    const [, version, namespace = '', plural = '', name, log] = address.exec(url.pathname) ?? [];
    if (version === undefined || resources.get(plural) !== version)
      return refuse(response, 404, 'NotFound', 'no such path');
    if (namespace !== this.namespace) return refuse(response, 404, 'NotFound', `namespaces "${namespace}" not found`);
    const result = await this.handle(method, plural, name, { url, body, log: log !== undefined, response });
    if (result === undefined) return;
    if (fault === 'drop-answer') return void request.socket.destroy();
    response.writeHead(result.status, { 'content-type': 'application/json' }).end(JSON.stringify(result.object));
  }

  private async handle(
    method: string,
    plural: string,
    name: string | undefined,
    { url, body, log, response }: { url: URL; body: string; log: boolean; response: ServerResponse },
  ): Promise<{ status: number; object: unknown } | undefined> {
    const query = url.searchParams;
    if (method === 'POST') return this.create(plural, body, response);
    if (name === undefined) {
      const selector = query.get('labelSelector') ?? '';
      if (query.get('watch') === '1') return this.watch(plural, selector, query, response);
      const resourceVersion = String(this.objects.newestVersion);
      return { status: 200, object: { metadata: { resourceVersion }, items: this.objects.list(plural, selector) } };
    }
    const found = this.objects.get(plural, name);
    if (found === undefined) return refuse(response, 404, 'NotFound', `${plural} "${name}" not found`);
    if (log) return this.log(name, query, response);
    if (method === 'DELETE') {
      if (plural === 'jobs') void this.controller.delete(found);
      else this.objects.remove(plural, name);
    }
    return { status: 200, object: found };
  }

  private create(plural: string, body: string, response: ServerResponse) {
    const object = JSON.parse(body) as ClusterObject;
    if (!this.objects.create(plural, object)) {
      return refuse(response, 409, 'AlreadyExists', `${plural} "${object.metadata.name}" already exists`);
    }
    const answer = structuredClone(object);
    if (plural === 'jobs') setImmediate(() => this.controller.begin(object));
    return { status: 201, object: answer };
  }

  private watch(plural: string, selector: string, query: URLSearchParams, response: ServerResponse): undefined {
    const past = this.objects.since(plural, Number(query.get('resourceVersion')));
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    if (past === undefined) {
      const object = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' };
      response.end(`${JSON.stringify({ type: 'ERROR', object })}\n`);
      return undefined;
    }
    const send = (event: WatchEvent): void => {
      if (event.plural !== plural || !selects(selector, event.object)) return;
      response.write(`${JSON.stringify({ type: event.type, object: event.object })}\n`);
    };
    past.forEach(send);
    this.objects.changes.on('change', send);
    const timer = setTimeout(() => response.end(), Number(query.get('timeoutSeconds') ?? 300) * 1000);
    this.keep(response, () => {
      clearTimeout(timer);
      this.objects.changes.off('change', send);
    });
    return undefined;
  }

  private log(podName: string, query: URLSearchParams, response: ServerResponse): undefined {
    const process = this.controller.pods.get(podName);
    if (process === undefined) {
      refuse(response, 400, 'BadRequest', `container "train" in pod "${podName}" is waiting to start`);
      return undefined;
    }
    const since = query.get('sinceTime') ?? '';
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.flushHeaders();
    let sent = 0;
    const send = (): void => {
      for (; sent < process.log.length; sent += 1) {
        const { time = '', text = '' } = process.log[sent] ?? {};
        if (since === '' || Date.parse(time) >= Date.parse(since)) response.write(`${time} ${text}\n`);
      }
      if (process.exit !== undefined || query.get('follow') !== 'true') response.end();
    };
    process.news.on('news', send);
    this.keep(response, () => process.news.off('news', send));
    send();
    return undefined;
  }

  private keep(stream: ServerResponse, mute: () => void): void {
    this.streams.set(stream, mute);
    stream.once('close', () => {
      mute();
      this.streams.delete(stream);
    });
  }
}

function refuseAs(response: ServerResponse, fault: Exclude<ClusterFault, string>): void {
  if (fault.retryAfter !== undefined) response.setHeader('retry-after', String(fault.retryAfter));
  refuse(response, fault.status, fault.reason ?? '', fault.message ?? 'as planned');
}

function refuse(response: ServerResponse, code: number, reason: string, message: string): undefined {
  if (response.headersSent) return void response.destroy();
  response.writeHead(code, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message }));
  return undefined;
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
