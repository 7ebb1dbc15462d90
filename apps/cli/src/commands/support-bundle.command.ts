import { resolve } from 'node:path';
import { dataFolder, findGateway, readEndpoints } from '../gateway/endpoints.js';
import { GatewayClient } from '../gateway/gateway.client.js';
import { clientCommand, printJson, type ClientOptions } from './options.js';

const latestRuns = 20;

interface SupportBundleOptions extends ClientOptions {
  output?: string;
  offline: boolean;
}

export function supportBundleCommand() {
  return clientCommand('support-bundle', 'gather what somebody who helps has to know, without secrets')
    .option('--output <dir>', 'the new folder to write (default: anneal-support-TIME here)')
    .option('--offline', 'ask nothing outside this machine', false)
    .addHelpText(
      'after',
      '\nNothing is sent anywhere. Look through the files before you do: runs name models, data and prompts.',
    )
    .action(async ({ data, json, output, offline }: SupportBundleOptions) => {
      const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
      const folder = resolve(output ?? `anneal-support-${time}`);
      const gateway = async () => new GatewayClient(await findGateway(data));
      const { allChecks } = await import('../doctor/all.checks.js');
      const { examine } = await import('../doctor/check.js');
      const { writeSupportBundle } = await import('../support/support.bundle.js');
      const files = await writeSupportBundle(folder, {
        environment: process.env,
        dataFolder: dataFolder(data),
        endpoints: () => readEndpoints(data),
        findings: async () => examine(await allChecks({ data, offline })),
        system: async () => (await gateway()).system(),
        runs: async () => (await gateway()).list(latestRuns),
      });
      if (json) printJson({ folder, files });
      else console.log(`${files.length} files are in ${folder}: ${files.join(', ')}.`);
    });
}
