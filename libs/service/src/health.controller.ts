import { Controller, Get, Header, HttpStatus, Inject, Res } from '@nestjs/common';
import { METRICS, READINESS } from './tokens.js';
import type { Metrics } from './metrics.js';
import type { Readiness } from './readiness.js';

interface Reply {
  status(code: number): this;
  send(body: unknown): unknown;
}

/** What operators and orchestrators ask: is it alive, can it work, how is it doing. */
@Controller()
export class HealthController {
  constructor(
    @Inject(READINESS) private readonly readiness: Readiness,
    @Inject(METRICS) private readonly metrics: Metrics,
  ) {}

  @Get('health/live')
  live(): { status: 'up' } {
    return { status: 'up' };
  }

  @Get('health/ready')
  async ready(@Res() reply: Reply): Promise<void> {
    const report = await this.readiness();
    const up = Object.values(report).every((part) => part === 'up');
    await reply
      .status(up ? HttpStatus.OK : HttpStatus.SERVICE_UNAVAILABLE)
      .send({ status: up ? 'up' : 'down', ...report });
  }

  @Get('metrics')
  @Header('Content-Type', 'text/plain; version=0.0.4; charset=utf-8')
  scrape(): Promise<string> {
    return this.metrics.registry.metrics();
  }
}
