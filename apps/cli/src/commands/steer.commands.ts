import type { Command } from 'commander';
import { findGateway } from '../gateway/endpoints.js';
import { GatewayClient, type SteerVerb } from '../gateway/gateway.client.js';
import { clientCommand, printJson, type ClientOptions } from './options.js';

const verbs: readonly { verb: SteerVerb; description: string; done: string }[] = [
  { verb: 'cancel', description: 'end a run without a model', done: 'is cancelled' },
  {
    verb: 'pause',
    description: 'let a run wait: a training writes a checkpoint and stops',
    done: 'is paused; "anneal resume" lets it go on',
  },
  { verb: 'resume', description: 'let a paused run go on', done: 'goes on' },
  { verb: 'retry', description: 'let a failed run go on from its last good stage', done: 'goes on' },
];

/** cancel, pause, resume and retry: the four words that change where a run is heading. */
export function steerCommands(): Command[] {
  return verbs.map(({ verb, description, done }) =>
    clientCommand(verb, description)
      .argument('<run>', 'id of the run')
      .addHelpText('after', '\nExit status: 0 done, 1 the run is in no state for it, or something else came first.')
      .action(async (id: string, options: ClientOptions) => {
        const run = await new GatewayClient(await findGateway(options.data)).steer(id, verb);
        if (options.json) return printJson(run);
        console.log(`Run ${run.id} ${done}.`);
      }),
  );
}
