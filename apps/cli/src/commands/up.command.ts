import { Command, InvalidArgumentError } from 'commander';
import { untilStopped } from '../embedded/until-stopped.js';
import { dataFolder } from '../gateway/endpoints.js';

interface UpOptions {
  data?: string;
  httpPort?: number;
  grpcPort?: number;
  natsPort?: number;
  postgresPort?: number;
  s3Port?: number;
  model: string[];
}

export function upCommand(): Command {
  return new Command('up')
    .description('run the whole system in the foreground: broker, database, object store and the six services')
    .option('--data <dir>', 'data folder (default: ANNEAL_DATA, else .anneal)')
    .option('--http-port <port>', 'port of the gateway (default: a free one)', port)
    .option('--grpc-port <port>', 'port of the gateway for gRPC (default: a free one)', port)
    .option('--nats-port <port>', 'port of the broker (default: a free one)', port)
    .option('--postgres-port <port>', 'port of the database (default: a free one)', port)
    .option('--s3-port <port>', 'port of the object store (default: a free one)', port)
    .option('--model <name=reference>', 'a model that jobs of /v1 may start from; may be repeated', collect, [])
    .addHelpText(
      'after',
      '\nWhen it is ready it prints one line that starts with "ready", and writes DIR/endpoints.json. Ctrl-C stops it.',
    )
    .action(async (options: UpOptions) => {
      const dataDir = dataFolder(options.data);
      const say = (line: string): void => void process.stderr.write(`${line}\n`);
      const { stopped, signal } = untilStopped(() => say('Stopped at once.'));
      const { install } = await import('../embedded/installation.js');
      const installation = await install(say);
      if (signal.aborted) return;
      // All services: too much to load for whoever asks for something else.
      const { startSystem } = await import('../embedded/system.js');
      const { httpPort: http, grpcPort: grpc, natsPort: nats, postgresPort: postgres, s3Port: s3 } = options;
      const system = await startSystem({
        dataDir,
        installation,
        ports: {
          ...(http ? { http } : {}),
          ...(grpc ? { grpc } : {}),
          ...(nats ? { nats } : {}),
          ...(postgres ? { postgres } : {}),
          ...(s3 ? { s3 } : {}),
        },
        models: options.model,
        say,
      });
      console.log(`ready ${system.endpoints.http} (data in ${dataDir}; Ctrl-C stops)`);
      await stopped;
      say('Stopping: a running training writes a checkpoint first ...');
      await system.stop();
      say('Stopped. The same command goes on with what was there.');
      process.exit(0);
    });
}

function collect(entry: string, before: string[]): string[] {
  return [...before, entry];
}

function port(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 65_535)
    throw new InvalidArgumentError('It must be a port, 1 to 65535.');
  return value;
}
