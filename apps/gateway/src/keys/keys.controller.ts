import { apiKeyWish, type ApiKeyView } from '@anneal/contracts';
import { Body, Controller, Delete, Get, Param, Post } from '@nestjs/common';
import { readRequest } from '../http/read-request.js';
import { limitsOf, type ApiKeyRow } from './api-key.table.js';
import { ApiKeys } from './api-keys.js';
import { By, requireScope, type Caller } from './caller.js';

/** API keys, for administrators. */
@Controller('api/keys')
export class KeysController {
  constructor(private readonly keys: ApiKeys) {}

  @Post()
  async create(@By() caller: Caller, @Body() body: unknown): Promise<{ key: ApiKeyView; text: string }> {
    requireScope(caller, 'admin');
    const { row, text } = await this.keys.create(readRequest(apiKeyWish, body ?? {}));
    return { key: toView(row), text };
  }

  @Get()
  async list(@By() caller: Caller): Promise<{ keys: ApiKeyView[] }> {
    requireScope(caller, 'admin');
    return { keys: (await this.keys.list()).map(toView) };
  }

  @Delete(':id')
  async revoke(@By() caller: Caller, @Param('id') id: string): Promise<{ key: ApiKeyView }> {
    requireScope(caller, 'admin');
    return { key: toView(await this.keys.revoke(id)) };
  }
}

function toView(row: ApiKeyRow): ApiKeyView {
  const { id, name, project, scope, created_at, expires_at, revoked_at, last_used_at } = row;
  return {
    id,
    name,
    project,
    scope,
    createdAt: created_at,
    ...(expires_at === undefined ? {} : { expiresAt: expires_at }),
    ...(revoked_at === undefined ? {} : { revokedAt: revoked_at }),
    ...(last_used_at === undefined ? {} : { lastUsedAt: last_used_at }),
    ...limitsOf(row),
  };
}
