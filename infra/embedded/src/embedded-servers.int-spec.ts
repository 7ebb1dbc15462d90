// Real here: NATS, PostgreSQL and SeaweedFS from the cache, their processes, ports and files. Nothing stands in.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  installServers,
  serverNames,
  startServers,
  supervisorOf,
  type EmbeddedServers,
  type NatsUser,
  type S3User,
  type ServerBinaries,
  type ServerName,
  type StartOptions,
} from './index.js';
import { identify } from './process-identity.js';
import { sendS3Request, type S3Login } from './s3-request.js';

const natsUsers: NatsUser[] = [
  { name: 'trainer', permissions: { publish: ['anneal.training.*'], subscribe: ['_INBOX_trainer.>'] } },
  { name: 'mute', permissions: { publish: [], subscribe: ['_INBOX_mute.>'] } },
  { name: 'known', password: 'a password / of our own' },
];

const s3Users: S3User[] = [
  {
    name: 'reader',
    policy: {
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: ['s3:GetObject'], Resource: ['arn:aws:s3:::anneal/open/*'] }],
    },
  },
];

let dataDir: string;
let binaries: ServerBinaries;
let servers: EmbeddedServers;

beforeAll(async () => {
  binaries = await installServers();
  dataDir = mkdtempSync(join(tmpdir(), 'anneal-embedded-'));
  servers = await start();
});

afterAll(async () => {
  await servers.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

function start(changes: Partial<StartOptions> = {}): Promise<EmbeddedServers> {
  return startServers({ dataDir, binaries, natsUsers, s3Users, ...changes });
}

async function restart(): Promise<void> {
  await servers.stop();
  servers = await start();
}

async function query(url: string, text: string): Promise<pg.QueryResult<Record<string, unknown>>> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await client.query(text);
  } finally {
    await client.end();
  }
}

async function putObject(key: string, text: string): Promise<number> {
  const answer = await sendS3Request(servers.s3, 'PUT', `/${servers.s3.bucket}/${key}`, text);
  await answer.body?.cancel();
  return answer.status;
}

async function getObject(key: string): Promise<string> {
  return (await sendS3Request(servers.s3, 'GET', `/${servers.s3.bucket}/${key}`)).text();
}

// Only libs/messaging knows the NATS client, and it stands above this package. The protocol is lines of text.
class NatsLine {
  readonly #socket: Socket;
  #received = '';

  static async open(url: string): Promise<NatsLine> {
    const { hostname, port, username, password } = new URL(url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    const line = new NatsLine(socket);
    const login = { user: decodeURIComponent(username), pass: decodeURIComponent(password), verbose: false };
    await line.send(`CONNECT ${JSON.stringify(login)}`);
    return line;
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => (this.#received += chunk.toString()));
    socket.on('error', () => undefined);
  }

  /** Sends commands and returns what came until the server has worked them off. Rejects with the server's error. */
  async send(...commands: string[]): Promise<string> {
    this.#received = '';
    this.#socket.write([...commands, 'PING', ''].join('\r\n'));
    return this.waitFor(/PONG\r\n/);
  }

  async waitFor(pattern: RegExp): Promise<string> {
    await expect
      .poll(() => pattern.test(this.#received) || this.#received.includes('-ERR'), { timeout: 5_000 })
      .toBe(true);
    const refusal = /-ERR '(.*)'/.exec(this.#received)?.[1];
    if (refusal !== undefined) throw new Error(refusal);
    return this.#received;
  }

  async request(subject: string, body: unknown): Promise<string> {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    await this.send('SUB _INBOX_test 1', `PUB ${subject} _INBOX_test ${Buffer.byteLength(text)}`, text);
    const answer = await this.waitFor(/MSG _INBOX_test 1 \d+\r\n.*\r\n/);
    await this.send('UNSUB 1');
    return /MSG _INBOX_test 1 \d+\r\n(.*)\r\n/.exec(answer)?.[1] ?? '';
  }

  close(): void {
    this.#socket.destroy();
  }
}

async function withNats<T>(url: string, use: (line: NatsLine) => Promise<T>): Promise<T> {
  const line = await NatsLine.open(url);
  try {
    return await use(line);
  } finally {
    line.close();
  }
}

function createStream(): Promise<string> {
  const stream = { name: 'KEPT', subjects: ['anneal.kept'], storage: 'file' };
  return withNats(servers.nats.url, (line) => line.request('$JS.API.STREAM.CREATE.KEPT', stream));
}

async function publishToStream(text: string): Promise<unknown> {
  return JSON.parse(await withNats(servers.nats.url, (line) => line.request('anneal.kept', text)));
}

async function streamMessages(): Promise<number> {
  const answer = await withNats(servers.nats.url, (line) => line.request('$JS.API.STREAM.INFO.KEPT', ''));
  return (JSON.parse(answer) as { state: { messages: number } }).state.messages;
}

/** All processes that came from a process, itself included. */
function family(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  return [pid, ...children.flatMap(family)];
}

function allProcesses(): number[] {
  return Object.values(servers.pids()).flatMap((pid) => (pid === undefined ? [] : family(pid)));
}

function wrongPassword(url: string): string {
  const wrong = new URL(url);
  wrong.password = 'wrong';
  return wrong.href;
}

describe('the embedded servers', () => {
  it('answer, with the database and the bucket there', async () => {
    expect(await createStream()).toContain('"did_create":true');
    const { rows } = await query(servers.postgres.url, 'select current_database() as database, uuidv7() as id');
    expect(rows[0]?.database).toBe('anneal');
    expect(await putObject('a/first', 'hello')).toBe(200);
    expect(await getObject('a/first')).toBe('hello');
    expect((await fetch(`${servers.nats.monitorUrl}/healthz`)).status).toBe(200);
  });

  it('leave nothing of their own in the bucket', async () => {
    const listing = await sendS3Request(servers.s3, 'GET', `/${servers.s3.bucket}`);
    expect(await listing.text()).not.toContain('.ready');
  });

  it('listen on loopback only', () => {
    const pids = new Set(allProcesses());
    const inodes = new Set([...pids].flatMap(socketsOf));
    const addresses = readFileSync('/proc/net/tcp', 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/));
    const listening = addresses.filter((fields) => fields[3] === '0A' && inodes.has(fields[9] ?? ''));
    expect(listening.length).toBeGreaterThan(8);
    for (const fields of listening) expect(fields[1]).toMatch(/^0100007F:/);
    const overIpv6 = readFileSync('/proc/net/tcp6', 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/));
    expect(overIpv6.filter((fields) => fields[3] === '0A' && inodes.has(fields[9] ?? ''))).toEqual([]);
  });

  it('keep their data, addresses and secrets over a restart', async () => {
    const before = { nats: servers.nats.url, postgres: servers.postgres.url, s3: servers.s3.url };
    const secret = servers.secret('gateway');
    await publishToStream('one');
    await query(servers.postgres.url, "create table kept as select 'row' as value");
    await putObject('kept', 'object');

    await restart();

    expect({ nats: servers.nats.url, postgres: servers.postgres.url, s3: servers.s3.url }).toEqual(before);
    expect(servers.secret('gateway')).toBe(secret);
    expect(await streamMessages()).toBe(1);
    expect((await query(servers.postgres.url, 'select value from kept')).rows).toEqual([{ value: 'row' }]);
    expect(await getObject('kept')).toBe('object');
  });

  it('keep every file with a password to their owner', () => {
    for (const name of ['state.json', 'run/nats.conf', 'run/s3.json']) {
      expect(statSync(join(dataDir, name)).mode & 0o077).toBe(0);
    }
    expect(readdirSync(join(dataDir, 'run'))).not.toContain('postgres-password');
  });
});

describe('a killed server', () => {
  it.each(serverNames)('%s comes back at the same address with its data', async (name) => {
    const before = servers.pids()[name];
    const events: string[] = [];
    const stopListening = [
      servers.on('died', (who) => events.push(`${who} died`)),
      servers.on('restarted', (who) => events.push(`${who} restarted`)),
    ];
    servers.kill(name, 'SIGKILL');
    await expect.poll(() => events, { timeout: 20_000 }).toEqual([`${name} died`, `${name} restarted`]);
    for (const stop of stopListening) stop();

    expect(servers.pids()[name]).not.toBe(before);
    expect(await streamMessages()).toBe(1);
    expect((await query(servers.postgres.url, 'select value from kept')).rowCount).toBe(1);
    expect(await getObject('kept')).toBe('object');
  });
});

describe('access', () => {
  it('needs the right password for NATS', async () => {
    await expect(NatsLine.open(wrongPassword(servers.nats.url))).rejects.toThrow('Authorization Violation');
    await withNats(servers.nats.urlFor('known'), (line) => line.send());
    await withNats(servers.nats.urlFor('sys'), (line) => line.send());
    expect(() => servers.nats.urlFor('nobody')).toThrow('There is no NATS user "nobody".');
  });

  it('needs the right password for PostgreSQL', async () => {
    await expect(query(wrongPassword(servers.postgres.url), 'select 1')).rejects.toMatchObject({ code: '28P01' });
  });

  it('needs the right secret for S3', async () => {
    const path = `/${servers.s3.bucket}/kept`;
    const wrong = await sendS3Request({ ...servers.s3, secretKey: 'wrong' }, 'GET', path);
    expect(wrong.status).toBe(403);
    expect((await fetch(new URL(path, servers.s3.endpoint))).status).toBe(403);
  });

  it('of a role goes by its own password', async () => {
    const password = servers.secret('role/gateway');
    await query(servers.postgres.url, `create role gateway login password '${password}'`);
    const { rows } = await query(servers.postgres.urlFor('gateway', password), 'select current_user as role');
    expect(rows).toEqual([{ role: 'gateway' }]);
  });

  it('of a NATS user ends at its permissions', async () => {
    const as = (user: string, ...commands: string[]): Promise<string> =>
      withNats(servers.nats.urlFor(user), (line) => line.send(...commands));
    await as('trainer', 'PUB anneal.training.started 1', 'x', 'SUB _INBOX_trainer.1 1');
    await expect(as('trainer', 'PUB anneal.model.merged 1', 'x')).rejects.toThrow(/Permissions Violation for Publish/);
    await expect(as('trainer', 'SUB anneal.> 1')).rejects.toThrow(/Permissions Violation for Subscription/);
    await expect(as('trainer', 'PUB $JS.API.STREAM.DELETE.KEPT 0', '')).rejects.toThrow(/Permissions Violation/);
    await expect(as('mute', 'PUB anything 1', 'x')).rejects.toThrow(/Permissions Violation for Publish/);
  });

  it('of an S3 user ends at its policy', async () => {
    await putObject('open/page', 'for all');
    const as = async (login: S3Login, method: string, key: string): Promise<number> => {
      const answer = await sendS3Request(login, method, `/${servers.s3.bucket}/${key}`, method === 'PUT' ? 'x' : '');
      await answer.body?.cancel();
      return answer.status;
    };
    const reader = servers.s3.loginOf('reader');
    expect(await as(reader, 'GET', 'open/page')).toBe(200);
    expect(await as(reader, 'GET', 'kept')).toBe(403);
    expect(await as(reader, 'PUT', 'open/page')).toBe(403);
    expect(await as({ ...reader, secretKey: 'wrong' }, 'GET', 'open/page')).toBe(403);
    expect(() => servers.s3.loginOf('nobody')).toThrow('There is no S3 user "nobody".');
    await expect(startServers({ dataDir, binaries, natsUsers, s3Users: [...s3Users, ...s3Users] })).rejects.toThrow(
      'The S3 user name "reader" is used twice',
    );
  });
});

describe('a data folder', () => {
  it('has one supervisor', async () => {
    await expect(start()).rejects.toMatchObject({
      code: 'DATA_FOLDER_IN_USE',
      message: expect.stringContaining(`process ${process.pid}`) as string,
    });
    expect(supervisorOf(dataDir)).toBe(process.pid);
  });

  it('of another layout is refused in one sentence, and is free afterwards', async () => {
    const other = mkdtempSync(join(tmpdir(), 'anneal-old-'));
    writeFileSync(join(other, 'state.json'), '{"layout":99}');
    await expect(start({ dataDir: other })).rejects.toMatchObject({ code: 'DATA_FOLDER_OLD' });
    expect(supervisorOf(other)).toBeUndefined();
    rmSync(other, { recursive: true });
  });
});

describe('a port that another program has', () => {
  it('is named when it was asked for, and nothing stays running', async () => {
    const other = mkdtempSync(join(tmpdir(), 'anneal-port-'));
    const nats = Number(new URL(servers.nats.url).port);
    await expect(start({ dataDir: other, ports: { nats } })).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      message: expect.stringContaining(String(nats)) as string,
    });
    expect(supervisorOf(other)).toBeUndefined();
    rmSync(other, { recursive: true });
  });

  it('is replaced when it was only kept', async () => {
    const { port } = servers.postgres;
    await servers.stop();
    const intruder = createServer().listen(port, '127.0.0.1');
    await once(intruder, 'listening');
    servers = await start();
    intruder.close();
    expect(servers.postgres.port).not.toBe(port);
    expect((await query(servers.postgres.url, 'select value from kept')).rowCount).toBe(1);
  });
});

describe('a stop', () => {
  it('leaves no process, and may be called again', async () => {
    const processes = allProcesses();
    expect(processes.length).toBeGreaterThan(serverNames.length);
    await Promise.all([servers.stop(), servers.stop()]);
    expect(processes.filter((pid) => identify(pid) !== undefined)).toEqual([]);
    expect(servers.pids()).toEqual({ nats: undefined, postgres: undefined, s3: undefined });
    expect(supervisorOf(dataDir)).toBeUndefined();
    servers = await start();
  });
});

describe('a supervisor that is killed', () => {
  it('leaves servers behind, which the next start ends and whose data it goes on with', async () => {
    await servers.stop();
    const supervisor = await startInAnotherProcess();
    const left = supervisor.pids;
    process.kill(supervisor.pid, 'SIGKILL');
    await expect.poll(() => identify(supervisor.pid)).toBeUndefined();
    await sleep(200);
    expect(Object.values(left).every((pid) => identify(pid) !== undefined)).toBe(true);

    servers = await start();

    expect(Object.values(left).filter((pid) => identify(pid) !== undefined)).toEqual([]);
    expect(await streamMessages()).toBe(1);
    expect((await query(servers.postgres.url, 'select value from kept')).rowCount).toBe(1);
    expect(await getObject('kept')).toBe('object');
  });
});

describe('servers whose data is thrown away', () => {
  it('keep it while they run, though one dies, and leave no process', async () => {
    await servers.stop();
    const other = mkdtempSync(join(tmpdir(), 'anneal-thrown-'));
    servers = await start({ dataDir: other, throwaway: true });
    await createStream();
    await publishToStream('one');
    await query(servers.postgres.url, "create table kept as select 'row' as value");
    await putObject('kept', 'object');
    const back: ServerName[] = [];
    servers.on('restarted', (name) => back.push(name));
    for (const name of serverNames) servers.kill(name, 'SIGKILL');
    await expect.poll(() => back.toSorted(), { timeout: 20_000 }).toEqual(serverNames.toSorted());
    expect(await streamMessages()).toBe(1);
    expect((await query(servers.postgres.url, 'select value from kept')).rowCount).toBe(1);
    expect(await getObject('kept')).toBe('object');

    const processes = allProcesses();
    await servers.stop();
    expect(processes.filter((pid) => identify(pid) !== undefined)).toEqual([]);
    rmSync(other, { recursive: true });
  });
});

async function startInAnotherProcess(): Promise<{ pid: number; pids: Record<ServerName, number> }> {
  // Another process cannot run these sources: it takes the built package, which has to be that of these sources.
  const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const project = fileURLToPath(new URL('../tsconfig.json', import.meta.url));
  await promisify(execFile)(process.execPath, [compiler, '-b', project]);
  const script = `
    import { startServers } from ${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)};
    const servers = await startServers(${JSON.stringify({ dataDir, binaries, natsUsers })});
    console.log(JSON.stringify(servers.pids()));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit').then(([status]) => Promise.reject(new Error(`it ended with ${status}`)));
  const [line] = (await Promise.race([once(child.stdout, 'data'), exited])) as [Buffer];
  exited.catch(() => undefined);
  return { pid: child.pid ?? 0, pids: JSON.parse(line.toString()) as Record<ServerName, number> };
}

function socketsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((handle) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${handle}`))?.[1] ?? [];
    } catch {
      return [];
    }
  });
}
