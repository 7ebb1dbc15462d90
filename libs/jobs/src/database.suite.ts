import { Failure } from '@anneal/contracts';
import pg from 'pg';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDataSource, openDatabase, transaction } from './database.js';
import { jobMigrations } from './migrations.js';
import { eventually, Gate, ownMigrations, TestDatabase } from './jobs.fixture.js';
import { prepareRoles } from './roles.js';
import { latch } from './worker.fixture.js';

describe('the database', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await TestDatabase.create();
  });
  afterAll(() => database.drop());

  describe('prepareRoles', () => {
    it('may run again, also at the same time, and sets a new password', async () => {
      const again = (password: string) => prepareRoles(database.adminUrl, [{ name: 'merger', password }]);
      await Promise.all([again('one'), again('one')]);
      await again(`it's "new"`);
      const url = new URL(database.url('merger'));
      url.password = encodeURIComponent(`it's "new"`);
      const client = new pg.Client({ connectionString: url.href });
      await client.connect();
      expect((await client.query<{ schema: string }>('SELECT current_schema() AS schema')).rows).toEqual([
        { schema: 'merger' },
      ]);
      await client.end();
    });

    it('keeps the services out of each other\'s schemas and out of "public"', async () => {
      const trainer = await database.open('trainer');
      const dataset = await database.open('dataset');
      await expect(dataset.query('SELECT * FROM trainer.job')).rejects.toThrow(/permission denied for schema trainer/);
      await expect(dataset.query('CREATE TABLE trainer.mine (id int)')).rejects.toThrow(/permission denied/);
      await expect(trainer.query('CREATE TABLE public.mine (id int)')).rejects.toThrow(/permission denied/);
      await expect(trainer.query('CREATE ROLE other')).rejects.toThrow(/permission denied/);
    });

    it('says so when the server is away', async () => {
      await expect(prepareRoles('postgres://a:b@127.0.0.1:1/c', [])).rejects.toMatchObject({
        code: 'DATABASE_UNAVAILABLE',
      });
    });
  });

  describe('openDatabase', () => {
    it('migrates once when several replicas start together, all tables in the schema', async () => {
      await prepareRoles(database.adminUrl, [{ name: 'evaluator', password: 'evaluator-pw' }]);
      const replicas = await Promise.all([1, 2, 3].map(() => database.open('evaluator')));
      const rows = await replicas[0]?.query<{ name: string }[]>('SELECT name FROM migrations ORDER BY id');
      expect(rows?.map(({ name }) => name).toSorted()).toEqual([
        'Effects1764000000001',
        'JobAttempts1764000000002',
        'JobOutages1764000000001',
        'JobProjects1764000000005',
        'JobTables1764000000000',
        'JobTraces1764000000004',
        'JobTurns1764000000003',
      ]);
      const tables = await database.query<{ table_name: string }>(
        `SELECT table_name FROM information_schema.tables WHERE table_schema = 'evaluator' ORDER BY 1`,
      );
      expect(tables.map(({ table_name: name }) => name)).toEqual([
        'dead_letter',
        'effect',
        'event_trouble',
        'inbox',
        'job',
        'migrations',
        'outbox',
        'relay_beat',
        'run_course',
        'stream_mark',
      ]);
    });

    it('undoes and repeats its migrations', async () => {
      const dataSource = await database.open('evaluator');
      for (const _ of [...ownMigrations, ...jobMigrations]) await dataSource.undoLastMigration();
      expect(await dataSource.query(`SELECT to_regclass('job') AS job`)).toEqual([{ job: null }]);
      expect(await dataSource.runMigrations()).toHaveLength(7);
    });

    it('lets a migration take its time, and ends with the error of one that fails', async () => {
      class Slow1999999999999 implements MigrationInterface {
        readonly name = 'Slow1999999999999';
        async up(runner: QueryRunner): Promise<void> {
          const [limit] = (await runner.query('SHOW statement_timeout')) as { statement_timeout: string }[];
          throw new Error(`the limit is ${limit?.statement_timeout}`);
        }
        down(): Promise<void> {
          return Promise.resolve();
        }
      }
      const settings = {
        url: database.url('trainer'),
        schema: 'trainer',
        migrations: [...ownMigrations, Slow1999999999999],
      };
      const dataSource = createDataSource(settings);
      await expect(openDatabase(dataSource)).rejects.toThrow('the limit is 0');
      await dataSource.destroy();
    });

    it('gives up with DATABASE_UNAVAILABLE', async () => {
      const dataSource = createDataSource({ url: 'postgres://a:b@127.0.0.1:1/c', schema: 'trainer' });
      const error: unknown = await openDatabase(dataSource, { waitMs: 300 }).catch((cause: unknown) => cause);
      expect(error).toBeInstanceOf(Failure);
      expect(error).toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    });
  });

  describe('a data source', () => {
    it('goes on after all its connections died, idle and busy ones', async () => {
      const dataSource = await database.open('trainer');
      const busy = transaction(dataSource, async (tx) => {
        await tx.query('SELECT pg_sleep(5)');
      });
      const outcome = expect(busy).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
      await dataSource.query('SELECT pg_sleep(0.1)');
      expect(await database.killBackends('trainer')).toBeGreaterThan(1);
      await outcome;
      // The pool may hand out a dead connection once more before it notices.
      await eventually(async () => expect(await dataSource.query('SELECT 1 AS one')).toEqual([{ one: 1 }]));
    });

    it('survives a connection that dies while a transaction holds it idle', async () => {
      const dataSource = await database.open('trainer');
      const held = transaction(dataSource, async (tx) => {
        await tx.query('SELECT 1');
        await database.killBackends('trainer');
        await new Promise((resolve) => setTimeout(resolve, 100));
        await tx.query('SELECT 1');
      });
      await expect(held).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    });

    it('gives up a server that says nothing, and the connections that wait for it', async () => {
      const gate = new Gate(new URL(database.adminUrl));
      const dataSource = await database.open('trainer', await gate.listen(), 1_000);
      const [entered, lost] = [latch(), latch()];
      const busy = transaction(dataSource, async (tx) => {
        await tx.query('SELECT 1');
        entered.open();
        await lost.opened;
        await tx.query('SELECT 1');
      });
      await entered.opened;
      gate.swallow();
      lost.open();
      await expect(busy).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE', retryable: true });
      gate.reopen();
      // More than once each: nothing waits behind the question that was lost.
      const asked = Array.from({ length: 24 }, () => dataSource.query('SELECT 1 AS one'));
      expect(await Promise.all(asked)).toEqual(asked.map(() => [{ one: 1 }]));
      await dataSource.destroy();
      await gate.close();
    });

    it('has a statement ended by the server before it is given up itself', async () => {
      const dataSource = await database.open('trainer');
      const [limit] = await dataSource.query<{ ms: number }[]>(
        `SELECT setting::int AS ms FROM pg_settings WHERE name = 'statement_timeout'`,
      );
      expect(limit?.ms).toBe(70_000);
      const long = transaction(dataSource, async (tx) => {
        await tx.query('SET LOCAL statement_timeout = 100');
        await tx.query('SELECT pg_sleep(5)');
      });
      await expect(long).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    });

    it('refuses a schema that is no plain name', () => {
      expect(() => createDataSource({ url: 'postgres://a:b@c/d', schema: 'x; DROP' })).toThrow(Failure);
    });
  });
});
