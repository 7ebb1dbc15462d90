import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { callerOf, Refused, requireVisible, requireWriter, type HubToken } from './access.js';
import { HubFaults, type HubCall } from './faults.js';
import { commit, commitEntry, info, page, preupload, resolve, revisionOf, treeEntries } from './hub.api.js';
import { digestOf, LfsStore } from './lfs.js';
import { HubRepository, type RepositorySettings, type RepositoryType } from './repository.js';
import { content, json, refusal, send, type Reply } from './reply.js';

export interface HubOptions {
  /** Tokens by their value; `hf_writer` of the user `acme` when left out. */
  readonly tokens?: Readonly<Record<string, HubToken>>;
  /** Bytes above which an object beside git goes in parts. */
  readonly multipartAbove?: number;
  /** Entries in a page of a list. */
  readonly pageSize?: number;
}

export interface HubRequest {
  readonly call: HubCall | undefined;
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  /** Which bytes were asked for, when not all. */
  readonly range: string | undefined;
}

/** A small Hub: it speaks the protocol of huggingface.co for models and datasets and keeps everything in memory. */
export interface SmallHub {
  readonly url: string;
  readonly faults: HubFaults;
  /** Every request that came in, in order. */
  readonly requests: HubRequest[];
  /** Makes a repository, as its owner would in a browser. */
  create(name: string, settings?: RepositorySettings): HubRepository;
  /** A repository that is there. */
  repository(name: string, type?: RepositoryType): HubRepository;
  has(name: string, type?: RepositoryType): boolean;
  stop(): Promise<void>;
}

interface Asked {
  readonly method: string;
  readonly url: URL;
  readonly body: Buffer;
  readonly range: string | undefined;
  readonly caller: () => HubToken | undefined;
}

const repositoryName = '([^/]+/[^/]+)';
const kinds = '(model|dataset)s';

/** Starts a small Hub on a free port of the loopback. */
export async function startHub(options: HubOptions = {}): Promise<SmallHub> {
  const hub = new Hub(options);
  await hub.listen();
  return hub;
}

class Hub implements SmallHub {
  url = '';
  readonly faults = new HubFaults();
  readonly requests: HubRequest[] = [];
  private readonly repositories = new Map<string, HubRepository>();
  private readonly tokens: ReadonlyMap<string, HubToken>;
  private readonly lfs: LfsStore;
  private readonly pageSize: number;
  private readonly server = createServer((request, response) => {
    this.serve(request, response).catch((error: unknown) => response.destroy(error as Error));
  });

  constructor({ tokens, multipartAbove = 8 * 1024 * 1024, pageSize = 50 }: HubOptions) {
    this.tokens = new Map(Object.entries(tokens ?? { hf_writer: { user: 'acme', role: 'write' } }));
    this.lfs = new LfsStore(() => this.url, multipartAbove);
    this.pageSize = pageSize;
  }

  async listen(): Promise<void> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    this.url = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
    if (this.server.listening) await once(this.server, 'close');
  }

  create(name: string, settings: RepositorySettings = {}): HubRepository {
    const repository = new HubRepository(name, settings);
    this.repositories.set(`${repository.type} ${name}`, repository);
    return repository;
  }

  repository(name: string, type: RepositoryType = 'model'): HubRepository {
    const found = this.repositories.get(`${type} ${name}`);
    if (!found) throw new Error(`the Hub has no ${type} ${name}`);
    return found;
  }

  has(name: string, type: RepositoryType = 'model'): boolean {
    return this.repositories.has(`${type} ${name}`);
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', headers } = request;
    const url = new URL(request.url ?? '/', this.url);
    const body = await buffer(request);
    const route = this.route(method, decodeURIComponent(url.pathname));
    const { authorization, range } = headers;
    this.requests.push({ call: route?.call, method, path: url.pathname, authorization, range });
    const fault = route && this.faults.take(route.call);
    if (fault?.kind === 'drop-request') return void request.socket.destroy();
    if (fault?.kind === 'status') return send(response, failing(fault.status, fault.retryAfter), false);
    if (fault?.kind === 'meanwhile') await fault.act();
    const caller = (): HubToken | undefined => callerOf(authorization, this.tokens);
    const reply = answer(() => route?.answer({ method, url, body, range, caller }));
    if (fault?.kind === 'drop-answer') return void request.socket.destroy();
    send(response, reply, fault?.kind === 'cut-answer');
  }

  private route(method: string, path: string): { call: HubCall; answer: (asked: Asked) => Reply } | undefined {
    for (const [call, verb, pattern, answer] of this.routes) {
      const found = verb === method ? new RegExp(`^${pattern}$`).exec(path) : null;
      if (found) return { call, answer: (asked) => answer(asked, found.slice(1)) };
    }
    return undefined;
  }

  private readonly routes: [HubCall, string, string, (asked: Asked, parts: string[]) => Reply][] = [
    ['whoami', 'GET', '/api/whoami-v2', ({ caller }) => whoAmI(caller())],
    ['create', 'POST', '/api/repos/create', (asked) => this.createByCall(asked)],
    ['delete', 'DELETE', '/api/repos/delete', (asked) => this.deleteByCall(asked)],
    [
      'info',
      'GET',
      `/api/${kinds}/${repositoryName}/revision/(.+)`,
      (asked, [type, name, revision = '']) => info(this.visible(asked, type, name), revision),
    ],
    [
      'commits',
      'GET',
      `/api/${kinds}/${repositoryName}/commits/(.+)`,
      (asked, [type, name, revision = '']) => this.listCommits(asked, this.visible(asked, type, name), revision),
    ],
    [
      'tree',
      'GET',
      `/api/${kinds}/${repositoryName}/tree/(.+)`,
      (asked, [type, name, revision = '']) =>
        page(treeEntries(revisionOf(this.visible(asked, type, name), revision)), asked.url, this.pageSize),
    ],
    [
      'preupload',
      'POST',
      `/api/${kinds}/${repositoryName}/preupload/main`,
      (asked, [type, name]) => {
        this.writable(asked, type, name);
        return preupload(asked.body);
      },
    ],
    [
      'commit',
      'POST',
      `/api/${kinds}/${repositoryName}/commit/main`,
      (asked, [type, name]) => {
        const { repository, caller } = this.writable(asked, type, name);
        return commit(repository, caller, this.lfs, asked.body, this.url);
      },
    ],
    [
      'lfs-batch',
      'POST',
      `/(?:(dataset)s/)?${repositoryName}\\.git/info/lfs/objects/batch`,
      (asked, [type, name]) => {
        this.writable(asked, type, name);
        return this.lfs.batch(asked.body);
      },
    ],
    ['lfs-upload', 'POST', '/lfs/([0-9a-f]{64})/complete', ({ body }) => this.lfs.complete(body)],
    ['lfs-upload', 'PUT', '/lfs/([0-9a-f]{64})', ({ body }, [oid = '']) => this.lfs.put(oid, body)],
    [
      'lfs-upload',
      'PUT',
      '/lfs/([0-9a-f]{64})/(\\d+)',
      ({ body }, [oid = '', number]) => this.lfs.putPart(oid, Number(number), body),
    ],
    [
      'download',
      'GET',
      `/(?:(dataset)s/)?${repositoryName}/resolve/([^/]+)/(.+)`,
      (asked, [type, name, revision = '', path = '']) =>
        resolve(this.visible(asked, type, name), asked.caller(), {
          revision,
          path,
          range: asked.range,
          storeUrl: `${this.url}/store`,
        }),
    ],
    ['download', 'GET', '/store/([0-9a-f]{64})', ({ range }, [oid = '']) => this.fromStore(oid, range)],
  ];

  private visible({ caller }: Asked, type: string | undefined, name = ''): HubRepository {
    const repository = this.repositories.get(`${type ?? 'model'} ${name}`);
    requireVisible(repository, caller());
    return repository;
  }

  private writable(
    asked: Asked,
    type: string | undefined,
    name: string | undefined,
  ): { repository: HubRepository; caller: HubToken } {
    const repository = this.visible(asked, type, name);
    const caller = asked.caller();
    requireWriter(caller);
    return { repository, caller };
  }

  private createByCall({ caller, body }: Asked): Reply {
    requireWriter(caller());
    const { name, type, visibility } = repositoryIn(body);
    const url = `${this.url}/${name}`;
    if (this.has(name, type)) return json({ error: `You already created this ${type} repo`, url }, {}, 409);
    this.create(name, { type, private: visibility === 'private' });
    return json({ url, name, id: name });
  }

  private deleteByCall(asked: Asked): Reply {
    const { name, type } = repositoryIn(asked.body);
    this.writable(asked, type, name);
    this.repositories.delete(`${type} ${name}`);
    return { status: 200 };
  }

  private listCommits({ url }: Asked, repository: HubRepository, revision: string): Reply {
    const { oid } = revisionOf(repository, revision);
    const { commits } = repository;
    const from = commits.findIndex((candidate) => candidate.oid === oid);
    return page(commits.slice(from).map(commitEntry), url, this.pageSize);
  }

  private fromStore(oid: string, range: string | undefined): Reply {
    const kept = [...this.repositories.values()].flatMap(({ commits }) =>
      commits.flatMap(({ files }) => [...files.values()]),
    );
    const bytes = this.lfs.get(oid) ?? kept.find((file) => file.lfs && digestOf(file.bytes) === oid)?.bytes;
    return bytes ? content(bytes, range, { ETag: `"${oid}"` }) : refusal(404, 'Object not found');
  }
}

function repositoryIn(body: Buffer): { name: string; type: RepositoryType; visibility?: string } {
  const asked = JSON.parse(body.toString()) as {
    name: string;
    organization: string;
    type: RepositoryType;
    visibility?: string;
  };
  return { ...asked, name: `${asked.organization}/${asked.name}` };
}

function answer(act: () => Reply | undefined): Reply {
  try {
    return act() ?? refusal(404, 'Sorry, we cannot find the page you are looking for.');
  } catch (error) {
    if (error instanceof Refused) return error.reply;
    throw error;
  }
}

function failing(status: number, retryAfter: number | undefined): Reply {
  const { headers, ...reply } = refusal(status, `The fault of a test: ${status}`);
  return {
    ...reply,
    headers: { ...headers, ...(retryAfter === undefined ? {} : { 'Retry-After': String(retryAfter) }) },
  };
}

function whoAmI(caller: HubToken | undefined): Reply {
  if (!caller) return refusal(401, 'Invalid username or password.');
  const accessToken = { displayName: 'test', role: caller.role, createdAt: new Date(0).toISOString() };
  return json({
    type: 'user',
    id: caller.user,
    name: caller.user,
    orgs: [],
    auth: { type: 'access_token', accessToken },
  });
}
