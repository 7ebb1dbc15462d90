import { Failure, uploadCompletion, uploadCreation, type OpenaiPart, type OpenaiUpload } from '@anneal/contracts';
import { CONFIG } from '@anneal/service';
import { Body, Controller, HttpCode, HttpStatus, Inject, Param, Post, Req } from '@nestjs/common';
import type { GatewayConfig } from '../../gateway.config.js';
import { By, type Caller } from '../../keys/caller.js';
import { readForm, type MultipartRequest } from '../files/multipart.form.js';
import { largestFileOf, receive, tooLarge } from '../files/received.file.js';
import { readRequest } from '../../http/read-request.js';
import { repetitionOf } from '../request.memory.js';
import { Uploads } from './uploads.js';

interface Request extends MultipartRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** As OpenAI has it. */
const largestPartBytes = 64 * 1024 * 1024;

/** `client.uploads` of the official clients. */
@Controller('v1/uploads')
export class UploadsController {
  constructor(
    private readonly uploads: Uploads,
    @Inject(CONFIG) private readonly config: GatewayConfig,
  ) {}

  @Post()
  @HttpCode(HttpStatus.OK)
  async create(@By() caller: Caller, @Body() body: unknown, @Req() request: Request): Promise<OpenaiUpload> {
    const { filename, mime_type: mimeType, bytes, expires_after: lifetime } = readRequest(uploadCreation, body);
    const most = largestFileOf(caller, this.config);
    if (bytes > most) throw tooLarge(most);
    const wish = { filename, mimeType, bytes, fileSeconds: lifetime?.seconds };
    return this.uploads.create(caller, wish, repetitionOf(request.headers));
  }

  @Post(':id/parts')
  @HttpCode(HttpStatus.OK)
  async addPart(@By() caller: Caller, @Param('id') id: string, @Req() request: Request): Promise<OpenaiPart> {
    const form = await readForm(request, 'data', (data) => receive(data, this.config.WORK_DIR, largestPartBytes));
    try {
      if (form.content.bytes === 0) {
        throw new Failure('REQUEST_INVALID', 'The part is empty.', { remedy: 'Send bytes.', field: 'data' });
      }
      return await this.uploads.addPart(caller, id, form.content, repetitionOf(request.headers));
    } finally {
      await form.content.remove();
    }
  }

  @Post(':id/complete')
  @HttpCode(HttpStatus.OK)
  async complete(@By() caller: Caller, @Param('id') id: string, @Body() body: unknown): Promise<OpenaiUpload> {
    const { part_ids: partIds, md5 } = readRequest(uploadCompletion, body);
    return this.uploads.complete(caller, id, { partIds, md5 });
  }

  @Post(':id/cancel')
  @HttpCode(HttpStatus.OK)
  async cancel(@By() caller: Caller, @Param('id') id: string): Promise<OpenaiUpload> {
    return this.uploads.cancel(caller, id);
  }
}
