import { join } from 'node:path';
import { writePrivateFile } from './atomic-file.js';
import type { DataFolder } from './data-folder.js';
import { renderNatsConfig, type NatsUser } from './nats-config.js';
import { loopback, type Ports } from './ports.js';
import type { ServerProgram } from './supervised-server.js';

export interface NatsServerOptions {
  readonly binary: string;
  readonly folder: DataFolder;
  readonly ports: Ports;
  readonly users: readonly NatsUser[];
  readonly passwordOf: (user: string) => string;
  readonly throwaway: boolean;
}

const probeLimitMs = 2_000;

/** Writes the configuration of the broker anew, and says how to run it. */
export function natsProgram(options: NatsServerOptions): ServerProgram {
  const { binary, folder, ports, throwaway } = options;
  const configFile = join(folder.run, 'nats.conf');
  writePrivateFile(configFile, renderNatsConfig({ ...options, storeFolder: folder.nats }));
  const health = `http://${loopback}:${ports.natsMonitor}/healthz`;
  return {
    name: 'nats',
    command: [binary, '-c', configFile],
    executable: binary,
    environment: { HOME: folder.root },
    workingFolder: folder.root,
    stopSignal: throwaway ? 'SIGKILL' : 'SIGTERM',
    stopGraceMs: 5_000,
    isReady: async () => {
      const answer = await fetch(health, { signal: AbortSignal.timeout(probeLimitMs) });
      await answer.body?.cancel();
      return answer.ok;
    },
    // A stream that found the disk full takes nothing any more, although there is room again, until the server starts anew.
    // `/healthz` says so; with `js-enabled-only` it would not.
    unwellLimitMs: 10_000,
  };
}
