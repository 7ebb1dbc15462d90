import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { serviceNames, type ServiceName } from '@anneal/contracts';
import { installServers } from '@anneal/embedded';
import { connectNats, type NatsConnection } from './connection.js';
import { permissionsOf } from './permissions.js';

/** A real nats-server with a user per service, which these tests kill, leave dead for a while and wipe. */
export class TestNatsServer {
  private process: ChildProcess | undefined;

  private constructor(
    private readonly folder: string,
    readonly port: number,
  ) {}

  static async start(): Promise<TestNatsServer> {
    const server = new TestNatsServer(await mkdtemp(join(tmpdir(), 'anneal-nats-')), await freePort());
    await writeFile(join(server.folder, 'nats.conf'), configuration(server.folder, server.port));
    await server.up();
    return server;
  }

  url(user: ServiceName | 'admin'): string {
    return `nats://${user}:secret-${user}@127.0.0.1:${this.port}`;
  }

  connect(user: ServiceName | 'admin'): Promise<NatsConnection> {
    return connectNats({ url: this.url(user), name: `test-${user}` });
  }

  async up(): Promise<void> {
    const { nats } = await installServers();
    const child = spawn(nats, ['-c', join(this.folder, 'nats.conf')], { stdio: 'ignore' });
    this.process = child;
    for (let tries = 0; tries < 100; tries += 1) {
      if (child.exitCode !== null) throw new Error('nats-server ended at once');
      try {
        const probe = await this.connect('admin');
        await probe.close();
        return;
      } catch {
        await pause(50);
      }
    }
    throw new Error('nats-server did not answer');
  }

  async kill(): Promise<void> {
    const child = this.process;
    this.process = undefined;
    if (!child || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  /** As after the loss of a disk. */
  async wipe(): Promise<void> {
    await this.kill();
    await rm(join(this.folder, 'store'), { recursive: true, force: true });
    await this.up();
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}

function configuration(folder: string, port: number): string {
  const users = serviceNames.map((service) => {
    const { publish, subscribe } = permissionsOf(service);
    const permissions = { publish: { allow: publish }, subscribe: { allow: subscribe } };
    return { user: service, password: `secret-${service}`, permissions };
  });
  return JSON.stringify({
    listen: `127.0.0.1:${port}`,
    jetstream: { store_dir: join(folder, 'store'), sync_interval: 'always', max_mem: '64M', max_file: '256M' },
    accounts: { APP: { jetstream: 'enabled', users: [{ user: 'admin', password: 'secret-admin' }, ...users] } },
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
