import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Trainings that live now: Axolotl itself or the stand-in, not what launched it, by the folder it works in. */
export function trainingsBelow(folder: string): { pid: number; folder: string }[] {
  return processes()
    .filter(({ command, cwd }) => cwd.startsWith(folder) && / -m axolotl\.cli\.train /.test(`${command} `))
    .filter(({ command }) => command.includes('stand-in.mjs') || !/ launch /.test(command))
    .map(({ pid, cwd }) => ({ pid, folder: cwd }));
}

/** Every process that works below a folder or was started with a file of it. */
export function processesOf(folder: string): string[] {
  return processes()
    .filter(({ command, cwd, pid }) => pid !== process.pid && (cwd.startsWith(folder) || command.includes(folder)))
    .map(({ pid, command }) => `${pid} ${command.slice(0, 120)}`);
}

function processes(): { pid: number; command: string; cwd: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const state = readFileSync(`/proc/${name}/stat`, 'utf8').split(') ').at(-1)?.charAt(0);
        if (state === 'Z') return [];
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0').join(' ').trim();
        return [{ pid: Number(name), command, cwd: readlinkSync(`/proc/${name}/cwd`) }];
      } catch {
        return [];
      }
    });
}
