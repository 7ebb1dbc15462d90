import { Failure, type ArtifactRef } from '@anneal/contracts';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { z } from 'zod';
import { partRow, uploadRow, type PartRow, type UploadRow } from './upload.row.js';

export interface NewUpload {
  readonly id: string;
  readonly project: string;
  readonly filename: string;
  readonly mimeType: string;
  readonly bytes: number;
  /** How long the file lasts that is made of it; for ever when left out. */
  readonly fileSeconds: number | undefined;
}

/** The tables `upload` and `upload_part`. */
@Injectable()
export class UploadTable {
  constructor(private readonly dataSource: DataSource) {}

  /** An upload that is not completed within an hour has expired. */
  async insert(tx: EntityManager, upload: NewUpload): Promise<void> {
    const { id, project, filename, mimeType, bytes, fileSeconds } = upload;
    await tx.query(
      `INSERT INTO upload (id, project, purpose, filename, mime_type, bytes, file_seconds, status, expires_at)
       VALUES ($1, $2, 'fine-tune', $3, $4, $5, $6, 'pending', now() + interval '1 hour')`,
      [id, project, filename, mimeType, bytes, fileSeconds ?? null],
    );
  }

  /** @throws Failure UPLOAD_NOT_FOUND */
  async find(project: string, id: string): Promise<UploadRow> {
    return this.one(this.dataSource.manager, project, id, '');
  }

  /** Reads an upload and keeps others from changing it until the transaction ends. */
  async lock(tx: EntityManager, project: string, id: string): Promise<UploadRow> {
    return this.one(tx, project, id, 'FOR UPDATE');
  }

  async addPart(tx: EntityManager, part: { id: string; uploadId: string; bytes: number; artifact: ArtifactRef }) {
    await tx.query('INSERT INTO upload_part (id, upload_id, bytes, artifact) VALUES ($1, $2, $3, $4)', [
      part.id,
      part.uploadId,
      part.bytes,
      JSON.stringify(part.artifact),
    ]);
  }

  async parts(uploadId: string): Promise<PartRow[]> {
    const found: unknown = await this.dataSource.query('SELECT * FROM upload_part WHERE upload_id = $1', [uploadId]);
    return z.array(partRow).parse(found);
  }

  async completed(tx: EntityManager, id: string, partIds: readonly string[], fileId: string): Promise<void> {
    await tx.query("UPDATE upload SET status = 'completed', part_ids = $2, file_id = $3 WHERE id = $1", [
      id,
      JSON.stringify(partIds),
      fileId,
    ]);
  }

  async cancelled(tx: EntityManager, id: string): Promise<void> {
    await tx.query("UPDATE upload SET status = 'cancelled' WHERE id = $1", [id]);
  }

  private async one(tx: EntityManager, project: string, id: string, lock: '' | 'FOR UPDATE'): Promise<UploadRow> {
    const found: unknown = await tx.query(`SELECT * FROM upload WHERE id = $1 AND project = $2 ${lock}`, [id, project]);
    const [row] = z.array(uploadRow).parse(found);
    if (row) return row;
    throw new Failure('UPLOAD_NOT_FOUND', `No such upload: ${id}.`, {
      remedy: 'Begin a new one with POST /v1/uploads.',
      field: 'upload_id',
    });
  }
}
