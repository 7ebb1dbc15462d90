import { Failure } from '@anneal/contracts';
import type { BaseConfig } from './config.js';
import type { ServiceDefinition } from './definition.js';
import { startService } from './start.js';

/** EX_CONFIG of sysexits.h: starting again without a change is pointless. */
const configurationError = 78;

/** The whole `main` of a service: start, serve until SIGTERM or SIGINT, stop gracefully. */
export async function runService<Config extends BaseConfig>(definition: ServiceDefinition<Config>): Promise<void> {
  try {
    const service = await startService(definition, process.env);
    const stop = (): void => {
      service.stop().then(
        () => process.exit(0),
        (error: unknown) => {
          process.stderr.write(`${definition.name}: could not stop cleanly: ${String(error)}\n`);
          process.exit(1);
        },
      );
    };
    process.once('SIGTERM', stop);
    process.once('SIGINT', stop);
  } catch (error) {
    const sentence =
      error instanceof Failure
        ? `${error.message} ${error.remedy}`
        : String(error instanceof Error ? error.stack : error);
    process.stderr.write(`${definition.name}: ${sentence}\n`);
    process.exit(error instanceof Failure && error.code === 'CONFIG_INVALID' ? configurationError : 1);
  }
}
