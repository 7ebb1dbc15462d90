import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createDataSource, openDatabase } from '@anneal/jobs';
import { startTestServers, type TestServers } from '@anneal/testing';
import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FinishedFolders } from './finished-folders.js';
import { createLogger } from './logging.js';

let servers: TestServers;
let dataSource: DataSource;
beforeAll(async () => {
  servers = await startTestServers();
  dataSource = createDataSource({ url: servers.environment('merger').POSTGRES_URL ?? '', schema: 'merger' });
  await openDatabase(dataSource);
}, 120_000);
afterAll(async () => {
  await dataSource.destroy();
  await servers.stop();
});

const job = (runId: string, kind: string, state: string): Promise<unknown> =>
  dataSource.query(
    `INSERT INTO job (id, run_id, kind, input, max_attempts, state, lease_until)
       VALUES (gen_random_uuid(), $1, $2, '{}', 3, $3, CASE WHEN $3 = 'running' THEN now() END)`,
    [runId, kind, state],
  );

it('removes the folders of runs that are over, and no others', async () => {
  const directory = join(servers.folder, 'merger');
  const twoDaysAgo = new Date(Date.now() - 2 * 24 * 60 * 60 * 1000);
  for (const runId of ['done', 'dropped', 'runs', 'waits', 'half', 'unknown', 'young']) {
    await mkdir(join(directory, runId), { recursive: true });
    await writeFile(join(directory, runId, 'weights'), 'w');
    if (runId !== 'young') await utimes(join(directory, runId), twoDaysAgo, twoDaysAgo);
  }
  await job('done', 'merge', 'succeeded');
  await job('dropped', 'merge', 'cancelled');
  await job('runs', 'merge', 'running');
  await job('waits', 'merge', 'ready');
  await job('half', 'merge', 'succeeded');
  await job('half', 'more', 'ready');
  await job('young', 'merge', 'failed');
  const log = createLogger('merger', 'silent', { write: () => undefined });
  await new FinishedFolders(directory, log, dataSource).sweep();
  expect((await readdir(directory)).toSorted()).toEqual(['half', 'runs', 'unknown', 'waits', 'young']);
});
