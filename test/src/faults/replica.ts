import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync, closeSync } from 'node:fs';
import { join } from 'node:path';
import type { ServiceName } from '@anneal/contracts';

const root = join(import.meta.dirname, '..', '..', '..');
const restartMs = 100;

/** One process of a service, started again whenever it ends, as a supervisor of a host would do. */
export class Replica {
  private child: ChildProcess | undefined;
  private timer: NodeJS.Timeout | undefined;
  private wanted = false;
  private frozen = false;
  /** How often it ended without being asked to. */
  ends = 0;

  constructor(
    readonly service: ServiceName,
    readonly number: number,
    private readonly options: {
      environment: Record<string, string>;
      logFile: string;
      preload?: string;
      /** In the place of the service's own main. */
      script?: string;
    },
  ) {}

  get pid(): number | undefined {
    return this.child?.pid;
  }

  start(): void {
    this.wanted = true;
    const { environment, logFile, preload } = this.options;
    const script = this.options.script ?? join(root, 'apps', this.service, 'dist', 'main.js');
    const log = openSync(logFile, 'a');
    const child = spawn(process.execPath, [...(preload ? ['--import', preload] : []), script], {
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...environment },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.child = child;
    if (this.frozen) child.kill('SIGSTOP');
    child.once('exit', () => {
      if (this.child !== child) return;
      this.child = undefined;
      if (!this.wanted) return;
      this.ends += 1;
      this.timer = setTimeout(() => this.start(), restartMs);
    });
  }

  /** Sends a signal; a replica that ends by it comes back. */
  signal(signal: NodeJS.Signals): void {
    this.child?.kill(signal);
  }

  /** Nothing of it runs from here to the thaw, not even a process that is just being started again. */
  freeze(): void {
    this.frozen = true;
    this.signal('SIGSTOP');
  }

  thaw(): void {
    this.frozen = false;
    this.signal('SIGCONT');
  }

  /** Ends it for good. @returns exit status and how long it took, milliseconds */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<{ code: number | null; tookMs: number }> {
    this.wanted = false;
    clearTimeout(this.timer);
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return { code: null, tookMs: 0 };
    const began = performance.now();
    const gone = once(child, 'exit');
    child.kill('SIGCONT');
    child.kill(signal);
    await gone;
    return { code: child.exitCode, tookMs: performance.now() - began };
  }
}
