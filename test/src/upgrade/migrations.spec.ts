import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { allMigrations, narrowingOf } from './migration-statements.js';

const file = join(import.meta.dirname, '..', '..', 'released-migrations.json');
const released = z.record(z.string(), z.string()).parse(JSON.parse(readFileSync(file, 'utf8')));
const migrations = await allMigrations();

/** During an upgrade, services of the version before work on tables that this one has migrated already. */
describe('the migrations', () => {
  it('that were released are there, as they were', () => {
    const now = new Map(migrations.map(({ name, digest }) => [name, digest]));
    for (const [name, digest] of Object.entries(released)) expect([name, now.get(name)]).toEqual([name, digest]);
  });

  it('that are new only add: what nobody uses any more is taken away a version later', () => {
    const fresh = migrations.filter(({ name }) => !(name in released));
    expect(fresh.flatMap(narrowingOf)).toEqual([]);
  });

  it.each([
    ['ALTER TABLE job DROP COLUMN turn'],
    ['DROP TABLE job'],
    ['ALTER TABLE job RENAME COLUMN turn TO round'],
    ['ALTER TABLE job ADD COLUMN turn int NOT NULL'],
    ['ALTER TABLE job ADD COLUMN note text DEFAULT 1, ADD COLUMN turn int NOT NULL'],
    ['ALTER TABLE job ALTER COLUMN turn SET NOT NULL'],
    ['ALTER TABLE job ALTER COLUMN turn TYPE bigint'],
  ])('would be stopped by %s', (statement) => {
    expect(narrowingOf({ name: 'jobs.Later', statements: [statement], digest: '' })).toHaveLength(1);
    expect(narrowingOf({ name: 'jobs.ContractLater', statements: [statement], digest: '' })).toEqual([]);
  });

  it.each([
    ['ALTER TABLE job ADD COLUMN turn int NOT NULL DEFAULT 0'],
    ['ALTER TABLE job ADD COLUMN turn int DEFAULT 0 NOT NULL, ADD COLUMN note text'],
    ['CREATE TABLE more (id uuid PRIMARY KEY, name text NOT NULL)'],
    ['ALTER TABLE job DROP CONSTRAINT job_state'],
  ])('may say %s', (statement) => {
    expect(narrowingOf({ name: 'jobs.Later', statements: [statement], digest: '' })).toEqual([]);
  });
});
