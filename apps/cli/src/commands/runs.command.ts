import { InvalidArgumentError, type Command } from 'commander';
import { findGateway } from '../gateway/endpoints.js';
import { GatewayClient } from '../gateway/gateway.client.js';
import { table } from '../terminal/table.js';
import { compareRunsCommand } from './compare-runs.command.js';
import { clientCommand, printJson, type ClientOptions } from './options.js';

export function runsCommand(): Command {
  return clientCommand('runs', 'list the runs, newest first, or compare two')
    .option('--limit <n>', 'how many at most', positive, 20)
    .action(async (options: ClientOptions & { limit: number }) => {
      const runs = await new GatewayClient(await findGateway(options.data)).list(options.limit);
      if (options.json) return printJson({ runs });
      if (runs.length === 0) return console.log('No runs yet: "anneal train RUN.yaml" starts one.');
      const rows = runs.map((run) => [
        run.id,
        run.name,
        run.state,
        run.createdAt.slice(0, 19).replace('T', ' '),
        run.verdict ?? '',
        run.publishedTo ?? '',
      ]);
      console.log(table(['run', 'name', 'state', 'requested (UTC)', 'verdict', 'published as'], rows));
    })
    .addCommand(compareRunsCommand());
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 100)
    throw new InvalidArgumentError('It must be a whole number from 1 to 100.');
  return value;
}
