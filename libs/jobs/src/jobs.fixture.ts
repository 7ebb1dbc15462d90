import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installServers, startServers } from '@anneal/embedded';
import pg from 'pg';
import type { DataSource, MigrationInterface, QueryRunner } from 'typeorm';
import { vi } from 'vitest';
import { createDataSource, openDatabase } from './database.js';
import { prepareRoles } from './roles.js';

/** A table of the service's own, for what the work of the tests changes. */
class Effects1764000000001 implements MigrationInterface {
  readonly name = 'Effects1764000000001';
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE effect (job_id uuid NOT NULL, token bigint NOT NULL)');
  }
  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE effect');
  }
}
export const ownMigrations = [Effects1764000000001];

/** A database of its own on a real server, with the roles of two services. */
export class TestDatabase {
  private readonly opened: DataSource[] = [];

  private constructor(
    readonly adminUrl: string,
    private readonly admin: pg.Pool,
    private readonly close: () => Promise<void>,
  ) {}

  static async create(): Promise<TestDatabase> {
    const server = await (running ??= startPostgres());
    const name = `jobs_${randomBytes(4).toString('hex')}`;
    const root = new pg.Client({ connectionString: server.adminUrl });
    await root.connect();
    await root.query(`CREATE DATABASE ${name}`);
    const url = new URL(server.adminUrl);
    url.pathname = `/${name}`;
    await prepareRoles(
      url.href,
      ['dataset', 'trainer'].map((role) => ({ name: role, password: `${role}-pw` })),
    );
    const admin = new pg.Pool({ connectionString: url.href, max: 2 });
    admin.on('error', () => undefined);
    return new TestDatabase(url.href, admin, async () => {
      await admin.end();
      await root.query(`DROP DATABASE ${name} WITH (FORCE)`);
      await root.end();
    });
  }

  url(role: string, port?: number): string {
    const url = new URL(this.adminUrl);
    url.username = role;
    url.password = `${role}-pw`;
    if (port !== undefined) url.port = String(port);
    return url.href;
  }

  async open(schema = 'trainer', port?: number, silenceMs?: number): Promise<DataSource> {
    const dataSource = createDataSource({
      url: this.url(schema, port),
      schema,
      migrations: ownMigrations,
      poolSize: 12,
      silenceMs,
    });
    await openDatabase(dataSource);
    this.opened.push(dataSource);
    return dataSource;
  }

  async query<Row extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<Row[]> {
    return (await this.admin.query<Row>(sql, values)).rows;
  }

  /** Ends every server process that works for a role. */
  async killBackends(role: string): Promise<number> {
    const rows = await this.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1 AND datname = current_database()',
      [role],
    );
    return rows.length;
  }

  async drop(): Promise<void> {
    for (const dataSource of this.opened) if (dataSource.isInitialized) await dataSource.destroy();
    await this.close();
  }
}

/** A way to PostgreSQL that can be closed and opened. */
export class Gate {
  private readonly sockets = new Set<Socket>();
  private readonly server: Server;
  private open = true;
  private swallowing = false;

  constructor(target: URL) {
    this.server = createServer((near) => {
      if (!this.open) return void near.destroy();
      const far = connect(Number(target.port), target.hostname);
      for (const socket of [near, far]) {
        this.sockets.add(socket);
        socket.on('error', () => undefined);
        socket.on('close', () => {
          this.sockets.delete(socket);
          near.destroy();
          far.destroy();
        });
      }
      near.on('data', (bytes: Buffer) => this.swallowing || far.write(bytes));
      far.on('data', (bytes: Buffer) => this.swallowing || near.write(bytes));
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return (this.server.address() as AddressInfo).port;
  }

  shut(): void {
    this.open = false;
    for (const socket of this.sockets) socket.destroy();
  }

  /** Takes what is said and hands nothing on, as a network does that loses packets: no connection ends. */
  swallow(): void {
    this.swallowing = true;
  }

  reopen(): void {
    this.open = true;
    this.swallowing = false;
  }

  async close(): Promise<void> {
    this.shut();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** Waits for what comes by itself. Less than a third of the default lease: a renewal is not what brings it. */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: 8_000, interval: 20 });
}

let running: Promise<{ adminUrl: string; stop: () => Promise<void> }> | undefined;

async function startPostgres(): Promise<{ adminUrl: string; stop: () => Promise<void> }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'anneal-jobs-'));
  const servers = await startServers({ dataDir, binaries: await installServers(), natsUsers: [], throwaway: true });
  return {
    adminUrl: servers.postgres.url,
    stop: async () => {
      await servers.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Stops what {@link TestDatabase.create} started. */
export async function stopServers(): Promise<void> {
  const servers = await running;
  running = undefined;
  await servers?.stop();
}
