import { apiKeyScopes } from '@anneal/contracts';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { absent, bigint, instant } from '../database/columns.js';
import type { KeyLimits, Scope } from './caller.js';

const apiKeyRow = z.object({
  id: z.string(),
  name: z.string(),
  project: z.string(),
  scope: z.enum(apiKeyScopes),
  secret_digest: z.string(),
  created_at: instant,
  expires_at: absent(instant),
  revoked_at: absent(instant),
  last_used_at: absent(instant),
  requests_per_second: absent(z.int()),
  largest_body_bytes: absent(z.int()),
  largest_file_bytes: absent(bigint),
});
export type ApiKeyRow = z.infer<typeof apiKeyRow>;

export interface NewApiKeyRow {
  readonly id: string;
  readonly name: string;
  readonly project: string;
  readonly scope: Scope;
  readonly secretDigest: string;
  readonly expiresAt: string | undefined;
  readonly limits: KeyLimits;
}

/** The table `api_key`. */
@Injectable()
export class ApiKeyTable {
  constructor(private readonly dataSource: DataSource) {}

  async insert({ id, name, project, scope, secretDigest, expiresAt, limits }: NewApiKeyRow): Promise<ApiKeyRow> {
    const { requestsPerSecond, largestBodyBytes, largestFileBytes } = limits;
    const ofLimits = [requestsPerSecond ?? null, largestBodyBytes ?? null, largestFileBytes ?? null];
    const [row] = await this.read(
      `INSERT INTO api_key (id, name, project, scope, secret_digest, expires_at, requests_per_second,
                            largest_body_bytes, largest_file_bytes)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING *`,
      [id, name, project, scope, secretDigest, expiresAt ?? null, ...ofLimits],
    );
    if (!row) throw new Error('the key was not written');
    return row;
  }

  async find(id: string): Promise<ApiKeyRow | undefined> {
    const [row] = await this.read('SELECT * FROM api_key WHERE id = $1', [id]);
    return row;
  }

  /** All keys, the newest first. */
  async list(): Promise<ApiKeyRow[]> {
    return this.read('SELECT * FROM api_key ORDER BY created_at DESC, id DESC', []);
  }

  /** @returns the key, or nothing when there is none */
  async revoke(id: string): Promise<ApiKeyRow | undefined> {
    await this.dataSource.query('UPDATE api_key SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1', [id]);
    return this.find(id);
  }

  /** Written at most once a minute and key, since every request uses one. */
  async used(id: string): Promise<void> {
    await this.dataSource.query(
      `UPDATE api_key SET last_used_at = now()
        WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')`,
      [id],
    );
  }

  private async read(sql: string, values: unknown[]): Promise<ApiKeyRow[]> {
    return z.array(apiKeyRow).parse(await this.dataSource.query<unknown>(sql, values));
  }
}

export function limitsOf(row: ApiKeyRow): KeyLimits {
  const { requests_per_second: perSecond, largest_body_bytes: body, largest_file_bytes: file } = row;
  return {
    ...(perSecond === undefined ? {} : { requestsPerSecond: perSecond }),
    ...(body === undefined ? {} : { largestBodyBytes: body }),
    ...(file === undefined ? {} : { largestFileBytes: file }),
  };
}
