import { createHash } from 'node:crypto';
import { jobMigrations, type MigrationClass } from '@anneal/jobs';
import { datasetService } from '@anneal/dataset';
import { evaluatorService } from '@anneal/evaluator';
import { gatewayService } from '@anneal/gateway';
import { mergerService } from '@anneal/merger';
import { publisherService } from '@anneal/publisher';
import { trainerService } from '@anneal/trainer';
import type { QueryRunner } from 'typeorm';

export interface Migration {
  /** As SCHEMA.CLASS; those that every service has, as jobs.CLASS. */
  readonly name: string;
  readonly statements: readonly string[];
  /** Changes when a statement does. */
  readonly digest: string;
}

const ofServices = [gatewayService, datasetService, trainerService, mergerService, evaluatorService, publisherService];

/** What each migration of each service does, without a database. */
export async function allMigrations(): Promise<Migration[]> {
  const owned: [string, MigrationClass][] = [
    ...jobMigrations.map((migration): [string, MigrationClass] => ['jobs', migration]),
    ...ofServices.flatMap(({ name, migrations }) =>
      migrations.map((migration): [string, MigrationClass] => [name, migration]),
    ),
  ];
  return Promise.all(owned.map(([owner, migration]) => read(owner, migration)));
}

async function read(owner: string, migration: MigrationClass): Promise<Migration> {
  const statements: string[] = [];
  const query = (statement: string): Promise<unknown[]> => {
    statements.push(statement.replace(/\s+/g, ' ').trim());
    return Promise.resolve([]);
  };
  await new migration().up({ query } as unknown as QueryRunner);
  const digest = createHash('sha256').update(statements.join('\n')).digest('hex').slice(0, 16);
  return { name: `${owner}.${migration.name}`, statements, digest };
}

const narrowing: readonly (readonly [RegExp, string])[] = [
  [/\bDROP (TABLE|COLUMN|FUNCTION|SCHEMA|VIEW)\b/i, 'drops what the version before may use'],
  [/\bRENAME\b/i, 'renames what the version before may use'],
  [
    /\bADD COLUMN (?:(?!,).)*\bNOT NULL\b(?!(?:(?!,).)*\bDEFAULT\b)(?<!\bDEFAULT\b(?:(?!,).)*)/i,
    'adds a column that the version before does not fill',
  ],
  [/\bSET NOT NULL\b/i, 'demands what the version before may leave out'],
  [/\bALTER COLUMN \S+ (SET DATA )?TYPE\b/i, 'changes the type of what the version before writes'],
  [/\bTRUNCATE\b/i, 'empties a table'],
];

/** Why the version before could not go on beside this migration. One that only takes away begins its name with Contract. */
export function narrowingOf({ name, statements }: Migration): string[] {
  if (/\.Contract/.test(name)) return [];
  return statements.flatMap((statement) =>
    narrowing.filter(([pattern]) => pattern.test(statement)).map(([, problem]) => `${name} ${problem}: ${statement}`),
  );
}
