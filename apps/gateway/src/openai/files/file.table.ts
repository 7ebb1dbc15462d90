import {
  Failure,
  type ArtifactRef,
  type FileListQuery,
  type FilePurpose,
  type TrainingObjective,
} from '@anneal/contracts';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { z } from 'zod';
import { fileRow, type FileRow } from './file.row.js';

export interface NewFile {
  readonly id: string;
  readonly project: string;
  readonly purpose: FilePurpose;
  readonly filename: string;
  readonly bytes: number;
  readonly artifact: ArtifactRef;
  readonly status: FileRow['status'];
  readonly expiresAt?: string | undefined;
}

export interface CheckedFile {
  readonly status: 'processed' | 'error';
  readonly details: string | undefined;
  readonly rows: number;
  readonly characters: number;
  /** What its rows are there to teach; nothing for a file without any. */
  readonly objective: TrainingObjective | undefined;
}

const alive = '(expires_at IS NULL OR expires_at > now())';

/** The table `file`. */
@Injectable()
export class FileTable {
  constructor(private readonly dataSource: DataSource) {}

  async insert(tx: EntityManager, file: NewFile): Promise<void> {
    const { id, project, purpose, filename, bytes, artifact, status, expiresAt } = file;
    await tx.query(
      `INSERT INTO file (id, project, purpose, filename, bytes, artifact, status, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
      [id, project, purpose, filename, bytes, JSON.stringify(artifact), status, expiresAt ?? null],
    );
  }

  /** @throws Failure FILE_NOT_FOUND, also for a file of another project and one that has expired */
  async find(project: string, id: string, field = 'file_id'): Promise<FileRow> {
    const row = await this.look(project, id);
    if (row) return row;
    throw new Failure('FILE_NOT_FOUND', `No such file: ${id}.`, {
      remedy: 'Check the id; GET /v1/files lists the files.',
      field,
    });
  }

  /** @returns nothing where {@link find} would throw */
  async look(project: string, id: string): Promise<FileRow | undefined> {
    const [row] = await this.read(`WHERE id = $1 AND project = $2 AND ${alive}`, [id, project]);
    return row;
  }

  /** @returns one more than the limit if there are more */
  async list(project: string, { limit, after, order, purpose }: FileListQuery): Promise<FileRow[]> {
    const last = after === undefined ? undefined : await this.find(project, after, 'after');
    const [compare, direction] = order === 'asc' ? ['>', 'ASC'] : ['<', 'DESC'];
    return this.read(
      `WHERE project = $1 AND ${alive} AND ($2::text IS NULL OR purpose = $2)
         AND ($3::bigint IS NULL OR place ${compare} $3) ORDER BY place ${direction} LIMIT $4`,
      [project, purpose ?? null, last?.place ?? null, limit + 1],
    );
  }

  async delete(id: string): Promise<void> {
    await this.dataSource.query('DELETE FROM file WHERE id = $1', [id]);
  }

  /** Those whose rows nobody has looked at yet, the oldest first. */
  async unchecked(limit: number): Promise<FileRow[]> {
    return this.read("WHERE status = 'uploaded' ORDER BY place LIMIT $1", [limit]);
  }

  async checked(id: string, { status, details, rows, characters, objective }: CheckedFile): Promise<void> {
    await this.dataSource.query(
      `UPDATE file SET status = $2, status_details = $3, rows = $4, characters = $5, objective = $6
        WHERE id = $1 AND status = 'uploaded'`,
      [id, status, details ?? null, rows, characters, objective ?? null],
    );
  }

  private async read(clause: string, values: unknown[]): Promise<FileRow[]> {
    return z.array(fileRow).parse(await this.dataSource.query<unknown>(`SELECT * FROM file ${clause}`, values));
  }
}
