import { Command } from 'commander';

/** A command that talks to a running system. */
export function clientCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option('--data <dir>', 'data folder of the running system (default: ANNEAL_DATA, else .anneal)')
    .option('--json', 'print nothing but JSON on standard output', false);
}

export interface ClientOptions {
  data?: string;
  json: boolean;
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
