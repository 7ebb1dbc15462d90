import { openApi } from '@anneal/contracts';
import { Controller, Get } from '@nestjs/common';

/** The description of this API, for tools. */
@Controller('api')
export class OpenApiController {
  private readonly document = openApi();

  @Get('openapi.json')
  describe(): object {
    return this.document;
  }
}
