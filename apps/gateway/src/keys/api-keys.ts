import { createHash, timingSafeEqual } from 'node:crypto';
import { defaultProject, Failure, type ApiKeyWish } from '@anneal/contracts';
import { CONFIG, LOGGER, type Logger } from '@anneal/service';
import { Inject, Injectable } from '@nestjs/common';
import type { GatewayConfig } from '../gateway.config.js';
import { ApiKeyTable, limitsOf, type ApiKeyRow } from './api-key.table.js';
import { digestOfSecret, newApiKey, readApiKey, writeApiKey } from './api-key.text.js';
import type { Caller } from './caller.js';

/** For so long a key is taken as it was read: its end reaches other processes of the gateway within this time. */
const rememberMs = 5_000;

/** Tells who a caller is. The key of the configuration is the first administrator; all others are in the table. */
@Injectable()
export class ApiKeys {
  private readonly remembered = new Map<string, { row: ApiKeyRow | undefined; until: number }>();

  constructor(
    @Inject(CONFIG) private readonly config: GatewayConfig,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly table: ApiKeyTable,
  ) {}

  /** @throws Failure UNAUTHORIZED unless the header is `Bearer KEY` with a key that is good now */
  async identify(authorization: string | undefined): Promise<Caller> {
    const given = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
    if (given === undefined) throw refused('The request has no API key.');
    if (sameText(given, this.config.API_KEY)) {
      return { keyId: 'first', project: defaultProject, scope: 'admin', limits: {} };
    }
    const key = readApiKey(given);
    const row = key && (await this.find(key.id));
    if (!key || !row || !sameText(digestOfSecret(key.secret), row.secret_digest)) {
      throw refused('The API key is wrong.');
    }
    if (row.revoked_at !== undefined) throw refused('The API key was revoked.');
    if (row.expires_at !== undefined && Date.parse(row.expires_at) <= Date.now()) {
      throw refused('The API key has expired.');
    }
    return { keyId: row.id, project: row.project, scope: row.scope, limits: limitsOf(row) };
  }

  /** @returns the key's row, and its text, which is never to be had again */
  async create({
    name,
    project,
    scope,
    expiresInDays,
    ...limits
  }: ApiKeyWish): Promise<{ row: ApiKeyRow; text: string }> {
    const key = newApiKey();
    const expiresAt =
      expiresInDays === undefined ? undefined : new Date(Date.now() + expiresInDays * 86_400_000).toISOString();
    const secretDigest = digestOfSecret(key.secret);
    const row = await this.table.insert({ id: key.id, name, project, scope, secretDigest, expiresAt, limits });
    return { row, text: writeApiKey(key) };
  }

  async list(): Promise<ApiKeyRow[]> {
    return this.table.list();
  }

  /** @throws Failure KEY_NOT_FOUND */
  async revoke(id: string): Promise<ApiKeyRow> {
    const row = await this.table.revoke(id);
    this.remembered.delete(id);
    if (row) return row;
    throw new Failure('KEY_NOT_FOUND', `There is no API key with the id "${id}".`, {
      remedy: '"anneal keys list" shows the ids.',
    });
  }

  private async find(id: string): Promise<ApiKeyRow | undefined> {
    const present = this.remembered.get(id);
    if (present && present.until > performance.now()) return present.row;
    const row = await this.table.find(id);
    // Ids that nobody has would fill the memory of whoever remembers them.
    if (!row) return undefined;
    this.remembered.set(id, { row, until: performance.now() + rememberMs });
    this.table.used(id).catch((error: unknown) => {
      this.logger.warn({ err: error, key: id }, 'the use of a key could not be noted');
    });
    return row;
  }
}

function refused(message: string): Failure {
  return new Failure('UNAUTHORIZED', message, { remedy: 'Send a good API key as "Authorization: Bearer KEY".' });
}

/** Digests have one length, so the comparison takes the same time for every wrong text. */
function sameText(one: string, other: string): boolean {
  return timingSafeEqual(createHash('sha256').update(one).digest(), createHash('sha256').update(other).digest());
}
