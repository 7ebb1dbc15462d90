import { stageNames, type StageName } from '@anneal/contracts';
import { Option, type Command } from 'commander';
import { findGateway } from '../gateway/endpoints.js';
import { GatewayClient, type SteerVerb } from '../gateway/gateway.client.js';
import { clientCommand, printJson, type ClientOptions } from './options.js';

const verbs: readonly { verb: Exclude<SteerVerb, 'retry'>; description: string; done: string }[] = [
  { verb: 'cancel', description: 'end a run without a model', done: 'is cancelled' },
  {
    verb: 'pause',
    description: 'let a run wait: a training writes a checkpoint and stops',
    done: 'is paused; "anneal resume" lets it go on',
  },
  { verb: 'resume', description: 'let a paused run go on', done: 'goes on' },
];

const exitStatus = '\nExit status: 0 done, 1 the run is in no state for it, or something else came first.';

/** cancel, pause, resume and retry: the four words that change where a run is heading. */
export function steerCommands(): Command[] {
  return [...wordsAlone(), retryCommand()];
}

function wordsAlone(): Command[] {
  return verbs.map(({ verb, description, done }) =>
    clientCommand(verb, description)
      .argument('<run>', 'id of the run')
      .addHelpText('after', exitStatus)
      .action(async (id: string, options: ClientOptions) => steer(id, verb, done, options)),
  );
}

function retryCommand(): Command {
  const from = new Option('--from <stage>', 'this stage works again, and those after it follow').choices(stageNames);
  return clientCommand('retry', 'let a failed run go on from its last good stage, or work again from one')
    .argument('<run>', 'id of the run')
    .addOption(from)
    .addHelpText('after', exitStatus)
    .action(async (id: string, options: ClientOptions & { from?: StageName }) => {
      const anew = options.from && { from: options.from };
      await steer(id, 'retry', anew ? `works again from ${anew.from}` : 'goes on', options, anew);
    });
}

async function steer(
  id: string,
  verb: SteerVerb,
  done: string,
  { data, json }: ClientOptions,
  wish?: { from: StageName },
): Promise<void> {
  const run = await new GatewayClient(await findGateway(data)).steer(id, verb, wish);
  if (json) printJson(run);
  else console.log(`Run ${run.id} ${done}.`);
}
