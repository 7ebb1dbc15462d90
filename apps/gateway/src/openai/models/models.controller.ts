import type { OpenaiModel } from '@anneal/contracts';
import { Controller, Delete, Get, Param } from '@nestjs/common';
import { By, type Caller } from '../../keys/caller.js';
import { Models } from './models.js';

/** `client.models` of the official clients. A "/" in a name arrives as %2F and is part of it. */
@Controller('v1/models')
export class ModelsController {
  constructor(private readonly models: Models) {}

  @Get()
  async list(@By() caller: Caller): Promise<{ object: 'list'; data: OpenaiModel[] }> {
    return { object: 'list', data: await this.models.list(caller) };
  }

  @Get(':model')
  async retrieve(@By() caller: Caller, @Param('model') model: string): Promise<OpenaiModel> {
    return this.models.find(caller, model);
  }

  @Delete(':model')
  async delete(
    @By() caller: Caller,
    @Param('model') model: string,
  ): Promise<{ id: string; object: 'model'; deleted: true }> {
    await this.models.delete(caller, model);
    return { id: model, object: 'model', deleted: true };
  }
}
