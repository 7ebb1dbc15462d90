import { defaultCache } from '@anneal/setup';
import { examine, type Check, type Examined } from '../doctor/check.js';
import { hubCheck } from '../doctor/hub.check.js';
import { installationChecks } from '../doctor/installation.checks.js';
import { machineChecks } from '../doctor/machine.checks.js';
import { noSystem, systemChecks, whyNoSystem } from '../doctor/system.checks.js';
import { dataFolder, readEndpoints } from '../gateway/endpoints.js';
import { paint } from '../terminal/colours.js';
import { clientCommand, printJson, type ClientOptions } from './options.js';

const defaultHub = 'https://huggingface.co';

export function doctorCommand() {
  return clientCommand('doctor', 'check this machine, the installation and the running system')
    .option('--offline', 'ask nothing outside this machine', false)
    .addHelpText('after', '\nExit status: 0 nothing is broken, 1 something is.')
    .action(async ({ data, json, offline }: ClientOptions & { offline: boolean }) => {
      const { HF_ENDPOINT: endpoint = defaultHub, HF_TOKEN: token } = process.env;
      const found = await examine([
        ...machineChecks({ data: dataFolder(data), cache: defaultCache() }),
        ...installationChecks(),
        ...(await checksOfSystem(data)),
        offline ? { name: 'hub', run: async () => skipped } : hubCheck({ endpoint, token }),
      ]);
      if (json) printJson({ checks: found });
      else for (const line of found.flatMap(linesOf)) console.log(line);
      if (found.some(({ state }) => state === 'broken')) process.exitCode = 1;
    });
}

const skipped = { state: 'skipped', message: 'Not asked (--offline).' } as const;

async function checksOfSystem(data: string | undefined): Promise<Check[]> {
  try {
    return systemChecks(await readEndpoints(data));
  } catch (error) {
    const why = whyNoSystem(error);
    if (why === undefined) throw error;
    return noSystem(why);
  }
}

const marks = { ok: 'ok', skipped: '-', warning: 'warn', broken: 'FAIL' } as const;
const styles = { ok: 'green', skipped: 'dim', warning: 'yellow', broken: 'red' } as const;

function linesOf(examined: Examined): string[] {
  const { name, state, message } = examined;
  const mark = paint(styles[state], marks[state].padEnd(5));
  const first = `${mark} ${name.padEnd(18)} ${message}`;
  return 'remedy' in examined ? [first, `${' '.repeat(25)}${examined.remedy}`] : [first];
}
