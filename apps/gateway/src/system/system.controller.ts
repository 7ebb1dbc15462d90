import type { SystemView } from '@anneal/contracts';
import { Controller, Get } from '@nestjs/common';
import { ServicePulses } from './service.pulses.js';

/** All services at a glance: versions, health, queues, oldest job, dead letters. */
@Controller('api/system')
export class SystemController {
  constructor(private readonly pulses: ServicePulses) {}

  @Get()
  view(): SystemView {
    return this.pulses.view();
  }
}
