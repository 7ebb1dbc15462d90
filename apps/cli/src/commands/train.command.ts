import { dirname, resolve } from 'node:path';
import type { ImportedKey } from '@anneal/engine';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { findGateway } from '../gateway/endpoints.js';
import { GatewayClient } from '../gateway/gateway.client.js';
import { absoluteReferences, readRunSpec, readYaml, requireSpec } from '../run-spec/read-run-spec.js';
import { importLines } from '../terminal/import-lines.js';
import { liveRun } from '../terminal/live-run.js';
import { alarmLines, outcomeLines } from '../terminal/run-lines.js';
import { scoreTable } from '../terminal/scores.js';
import { clientCommand, printJson, type ClientOptions } from './options.js';

export function trainCommand(): Command {
  return clientCommand('train', 'request a run from a RunSpec')
    .argument('[run.yaml]', 'the RunSpec, YAML or JSON; file: paths in it are relative to its folder')
    .option('--axolotl <config.yml>', 'make the RunSpec of an Axolotl configuration, and say what became of each key')
    .option('--dry-run', 'show the RunSpec and request nothing', false)
    .option('--watch', 'stay and show the run until it ends', false)
    .addHelpText('after', '\nExit status with --watch: 0 the run succeeded, 1 it did not.')
    .action(async (file: string | undefined, options: TrainOptions, command: Command) => {
      if ((file === undefined) === (options.axolotl === undefined))
        command.error('error: name either a RunSpec or --axolotl CONFIG', { exitCode: 2 });
      const { spec, keys } = await readWish(file, options);
      if (keys && !(options.json && !options.dryRun)) {
        if (options.dryRun && options.json) return printJson({ spec, keys });
        console.log(importLines(keys).join('\n'));
      }
      if (options.dryRun) return options.json ? printJson({ spec }) : console.log(`\n${stringify(spec).trimEnd()}`);
      const client = new GatewayClient(await findGateway(options.data));
      const submitted = await client.submit(spec);
      if (!options.watch) {
        if (options.json) return printJson(submitted);
        return console.log(`Run ${submitted.id} is requested; "anneal show ${submitted.id}" shows it.`);
      }
      const live = liveRun(options.json ? process.stderr : process.stdout);
      const run = await client.watch(submitted.id, live);
      live.end();
      if (run.state !== 'succeeded') process.exitCode = 1;
      if (options.json) return printJson(run);
      if (run.results) console.log(`\n${[scoreTable(run.results), ...alarmLines(run.alarms)].join('\n')}\n`);
      console.log(outcomeLines(run).join('\n'));
    });
}

interface TrainOptions extends ClientOptions {
  readonly watch: boolean;
  readonly axolotl?: string;
  readonly dryRun: boolean;
}

/** The RunSpec of the file, or of an Axolotl configuration; both are checked before anybody is asked. */
async function readWish(
  file: string | undefined,
  { axolotl, dryRun }: TrainOptions,
): Promise<{ spec: unknown; keys?: readonly ImportedKey[] }> {
  if (axolotl === undefined) {
    const spec = await readRunSpec(file ?? '');
    return { spec: dryRun ? requireSpec(spec, file) : spec };
  }
  const { importAxolotlConfig } = await import('@anneal/engine');
  const { spec, keys } = importAxolotlConfig(await readYaml(axolotl));
  return { spec: requireSpec(absoluteReferences(spec, dirname(resolve(axolotl))), axolotl), keys };
}
