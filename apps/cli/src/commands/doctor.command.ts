import type { Examined } from '../doctor/check.js';
import { paint } from '../terminal/colours.js';
import { clientCommand, printJson, type ClientOptions } from './options.js';

export function doctorCommand() {
  return clientCommand('doctor', 'check this machine, the installation and the running system')
    .option('--offline', 'ask nothing outside this machine', false)
    .addHelpText('after', '\nExit status: 0 nothing is broken, 1 something is.')
    .action(async ({ data, json, offline }: ClientOptions & { offline: boolean }) => {
      const { allChecks } = await import('../doctor/all.checks.js');
      const { examine } = await import('../doctor/check.js');
      const found = await examine(await allChecks({ data, offline }));
      if (json) printJson({ checks: found });
      else for (const line of found.flatMap(linesOf)) console.log(line);
      if (found.some(({ state }) => state === 'broken')) process.exitCode = 1;
    });
}

const marks = { ok: 'ok', skipped: '-', warning: 'warn', broken: 'FAIL' } as const;
const styles = { ok: 'green', skipped: 'dim', warning: 'yellow', broken: 'red' } as const;

function linesOf(examined: Examined): string[] {
  const { name, state, message } = examined;
  const mark = paint(styles[state], marks[state].padEnd(5));
  const first = `${mark} ${name.padEnd(18)} ${message}`;
  return 'remedy' in examined ? [first, `${' '.repeat(25)}${examined.remedy}`] : [first];
}
