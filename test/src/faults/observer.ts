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
      for (const { run } of this.world.trainings.living()) living.set(run, (living.get(run) ?? 0) + 1);
      for (const [run, count] of living) if (count > 1) this.doubled.add(run);
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
