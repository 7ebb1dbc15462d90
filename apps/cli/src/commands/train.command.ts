import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, resolve } from 'node:path';
import { Failure } from '@anneal/contracts';
import type { Command } from 'commander';
import { parse, YAMLParseError } from 'yaml';
import { findGateway } from '../gateway/endpoints.js';
import { GatewayClient } from '../gateway/gateway.client.js';
import { liveRun } from '../terminal/live-run.js';
import { outcomeLines } from '../terminal/run-lines.js';
import { scoreTable } from '../terminal/scores.js';
import { clientCommand, printJson, type ClientOptions } from './options.js';

export function trainCommand(): Command {
  return clientCommand('train', 'request a run from a RunSpec')
    .argument('<run.yaml>', 'the RunSpec, YAML or JSON; file: paths in it are relative to its folder')
    .option('--watch', 'stay and show the run until it ends', false)
    .addHelpText('after', '\nExit status with --watch: 0 the run succeeded, 1 it did not.')
    .action(async (file: string, options: ClientOptions & { watch: boolean }) => {
      const spec = await readRunSpec(file);
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
      if (run.results) console.log(`\n${scoreTable(run.results)}\n`);
      console.log(outcomeLines(run).join('\n'));
    });
}

/** Reads a RunSpec and makes its file: references absolute, so that the services find the same files. */
export async function readRunSpec(file: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new Failure('SPEC_INVALID', `${file} cannot be read.`, {
      remedy: 'Name an existing RunSpec; examples/ has some.',
      file,
      cause,
    });
  }
  try {
    return absoluteReferences(parse(text), dirname(resolve(file)));
  } catch (cause) {
    if (!(cause instanceof YAMLParseError)) throw cause;
    throw new Failure('SPEC_INVALID', `${file} is not YAML: ${cause.message.split('\n')[0] ?? ''}`, {
      remedy: 'Correct the line that is named.',
      file,
      cause,
    });
  }
}

export function absoluteReferences(value: unknown, folder: string): unknown {
  if (typeof value === 'string' && value.startsWith('file:')) {
    const path = value.slice('file:'.length).replace(/^\/\//, '');
    return `file:${isAbsolute(path) ? path : resolve(folder, path)}`;
  }
  if (Array.isArray(value)) return value.map((entry) => absoluteReferences(entry, folder));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, absoluteReferences(entry, folder)]));
}
