import { CONFIG, LOGGER, type Logger } from '@anneal/service';
import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { GatewayConfig } from '../gateway.config.js';
import { removeLeftOvers } from './files/leftovers.js';
import { windowMinutes } from './request.memory.js';

const everyMs = 3_600_000;

/** What nobody can ask for any more. The bytes of files stay in the store, where runs may need them. */
const statements = [
  `DELETE FROM request_memory WHERE at < now() - make_interval(mins => ${windowMinutes})`,
  'DELETE FROM file WHERE expires_at < now()',
  // Its parts go with it; a day after its end nobody completes it any more.
  "DELETE FROM upload WHERE status <> 'completed' AND expires_at < now() - interval '1 day'",
  "DELETE FROM webhook_delivery WHERE next_try_at IS NULL AND created_at < now() - interval '30 days'",
];

/** Keeps the tables of the OpenAI surface, and the folder that files pass through, from growing for ever. */
@Injectable()
export class OpenaiHousekeeping implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private sweeping: Promise<void> = Promise.resolve();

  constructor(
    @Inject(CONFIG) private readonly config: GatewayConfig,
    private readonly dataSource: DataSource,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => this.begin(), everyMs);
    this.begin();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.sweeping;
  }

  private begin(): void {
    this.sweeping = this.sweep();
  }

  private async sweep(): Promise<void> {
    try {
      for (const statement of statements) await this.dataSource.query(statement);
      await removeLeftOvers(this.config.WORK_DIR);
    } catch (error) {
      this.logger.warn({ err: error }, 'what is old could not be deleted and is looked for again in an hour');
    }
  }
}
