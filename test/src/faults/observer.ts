import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { World } from './world.js';

const rank: Record<string, number> = { waiting: 0, running: 1, succeeded: 2, failed: 2, cancelled: 2 };

/** Looks at the process table and at the API while faults happen, for what cannot be seen afterwards. */
export class Observer {
  /** Runs of which two trainings lived at the same time. */
  readonly doubled = new Set<string>();
  /** What the API told and then took back. */
  readonly backwards: string[] = [];
  samples = 0;
  private readonly stopping = new AbortController();
  private readonly seen = new Map<string, number>();
  private readonly done: Promise<unknown>;

  constructor(private readonly world: World) {
    this.done = Promise.all([this.watchProcesses(), this.watchApi()]);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.done;
  }

  private async watchProcesses(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      const living = new Map<string, number>();
      for (const { folder } of trainingsBelow(this.world.folder)) living.set(folder, (living.get(folder) ?? 0) + 1);
      for (const [folder, count] of living) if (count > 1) this.doubled.add(basename(folder));
      this.samples += 1;
      await pause(50);
    }
  }

  private async watchApi(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      for (const id of this.world.requested.slice(-8)) {
        const run = await this.world.view(id);
        if (!run || this.world.steered.has(id)) continue;
        const now = run.stages.reduce((sum, { state }) => sum + (rank[state] ?? 0), run.state === 'running' ? 0 : 100);
        const before = this.seen.get(id) ?? 0;
        if (now < before) this.backwards.push(`${id}: ${before} then ${now}`);
        this.seen.set(id, Math.max(now, before));
      }
      await pause(100);
    }
  }
}

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
