import type { Readiness } from '@anneal/contracts';
import { Controller, Get, Header, HttpStatus, Inject, Res } from '@nestjs/common';
import { build } from './build.js';
import type { Metrics } from './metrics.js';
import type { AskReadiness } from './readiness.js';
import { METRICS, READINESS } from './tokens.js';

interface Reply {
  status(code: number): this;
  send(body: unknown): unknown;
}

/** What operators and orchestrators ask: is it alive, can it work, how is it doing. */
@Controller()
export class HealthController {
  constructor(
    @Inject(READINESS) private readonly readiness: AskReadiness,
    @Inject(METRICS) private readonly metrics: Metrics,
  ) {}

  @Get('health/live')
  live(): { status: 'up'; version: string; build?: string } {
    return { status: 'up', ...build };
  }

  /** The port is opened when migrations are done and events are read, so whoever gets an answer has waited long enough. */
  @Get('health/startup')
  startup(): { status: 'up' } {
    return { status: 'up' };
  }

  @Get('health/ready')
  async ready(@Res() reply: Reply): Promise<void> {
    const report: Readiness = await this.readiness();
    await reply.status(report.status === 'up' ? HttpStatus.OK : HttpStatus.SERVICE_UNAVAILABLE).send(report);
  }

  @Get('metrics')
  @Header('Content-Type', 'text/plain; version=0.0.4; charset=utf-8')
  scrape(): Promise<string> {
    return this.metrics.registry.metrics();
  }
}
