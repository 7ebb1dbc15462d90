import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { fileFields, fileListQuery, fileName, type OpenaiFile, type Page } from '@anneal/contracts';
import { CONFIG } from '@anneal/service';
import { Controller, Delete, Get, HttpCode, HttpStatus, Inject, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { GatewayConfig } from '../../gateway.config.js';
import { By, type Caller } from '../../keys/caller.js';
import { toPage } from '../page.js';
import { readRequest } from '../../http/read-request.js';
import { repetitionOf } from '../request.memory.js';
import { toOpenaiFile } from './file.row.js';
import { FileTable } from './file.table.js';
import { Files } from './files.js';
import { readForm, type MultipartRequest } from './multipart.form.js';
import { largestFileOf, receive } from './received.file.js';
import { endWhenStalled } from './stalled.download.js';

interface Request extends MultipartRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

interface Reply {
  readonly raw: ServerResponse;
  header(name: string, value: string): this;
  send(body: Readable): unknown;
}

/** `client.files` of the official clients. */
@Controller('v1/files')
export class FilesController {
  constructor(
    private readonly files: Files,
    private readonly table: FileTable,
    @Inject(CONFIG) private readonly config: GatewayConfig,
  ) {}

  @Post()
  @HttpCode(HttpStatus.OK)
  async create(@By() caller: Caller, @Req() request: Request): Promise<OpenaiFile> {
    const most = largestFileOf(caller, this.config);
    const form = await readForm(request, 'file', (file) => receive(file, this.config.WORK_DIR, most));
    try {
      const read = readRequest(fileFields, form.fields);
      const wish = {
        filename: readRequest(fileName, form.filename),
        purpose: read.purpose,
        expiresAfterSeconds: read['expires_after[seconds]'],
      };
      return toOpenaiFile(await this.files.create(caller, wish, form.content, repetitionOf(request.headers)));
    } finally {
      await form.content.remove();
    }
  }

  @Get()
  async list(@By() caller: Caller, @Query() query: unknown): Promise<Page<OpenaiFile>> {
    const asked = readRequest(fileListQuery, query);
    const found = await this.table.list(caller.project, asked);
    return toPage(found.map(toOpenaiFile), asked.limit);
  }

  @Get(':id')
  async retrieve(@By() caller: Caller, @Param('id') id: string): Promise<OpenaiFile> {
    return toOpenaiFile(await this.table.find(caller.project, id));
  }

  @Delete(':id')
  async delete(@By() caller: Caller, @Param('id') id: string): Promise<{ id: string; object: 'file'; deleted: true }> {
    await this.files.delete(caller, id);
    return { id, object: 'file', deleted: true };
  }

  @Get(':id/content')
  async content(@By() caller: Caller, @Param('id') id: string, @Res() reply: Reply): Promise<void> {
    const { file, content } = await this.files.open(caller, id);
    endWhenStalled(reply.raw);
    reply
      .header('content-type', 'application/octet-stream')
      .header('content-length', String(file.bytes))
      .header('content-disposition', 'attachment')
      .send(content);
  }
}
