import type { Command } from 'commander';
import { findGateway } from '../gateway/endpoints.js';
import { GatewayClient } from '../gateway/gateway.client.js';
import { hostLines } from '../terminal/host-lines.js';
import { clientCommand, printJson, type ClientOptions } from './options.js';

export function hostsCommand(): Command {
  return clientCommand('hosts', 'show the hosts, what holds their GPUs, and who waits for them').action(
    async (options: ClientOptions) => {
      const view = await new GatewayClient(await findGateway(options.data)).hosts();
      if (options.json) return printJson(view);
      console.log(hostLines(view, new Date()).join('\n'));
    },
  );
}
