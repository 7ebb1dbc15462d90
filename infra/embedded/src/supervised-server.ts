import { spawn, type ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { closeSync, existsSync, openSync, realpathSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '@anneal/contracts';
import { explainStart } from './start-failure.js';
import { recordProcess } from './leftover.js';
import { rotateLog } from './server-log.js';
import type { ServerName } from './server-name.js';

/** How to run one server: everything that differs between the three. */
export interface ServerProgram {
  readonly name: ServerName;
  readonly command: readonly [string, ...string[]];
  /** The file that the process runs in the end: `command` may begin with a wrapper that replaces itself. */
  readonly executable: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly workingFolder: string;
  readonly account?: { readonly uid: number; readonly gid: number };
  readonly stopSignal: NodeJS.Signals;
  /** How long the server may take to stop before it is killed. */
  readonly stopGraceMs: number;
  /** Resolves when a real request was answered; rejects, or says false, while the server is not ready. */
  isReady(): Promise<boolean>;
  /**
   * How long a server that runs may say no to `isReady` before it is killed and started anew; one that heals by itself
   * leaves it out. Milliseconds.
   */
  readonly unwellLimitMs?: number;
  /** Removes what the server leaves outside the data folder. */
  cleanUp?(): void;
}

export interface ServerFiles {
  readonly log: string;
  readonly pid: string;
  /** How often it is looked whether the log is full; a minute when left out. */
  readonly logLookMs?: number;
}

interface ServerProcess {
  readonly pid: number | undefined;
  /** Resolves with how it ended; never rejects. */
  readonly ended: Promise<string>;
  hasEnded(): boolean;
  signal(signal: NodeJS.Signals): void;
}

const probePauseMs = 20;
const readyLimitMs = 60_000;
const firstStartAttempts = 5;
const shortestPauseMs = 200;
const longestPauseMs = 5_000;
// A server that ran this long did not die from its start: the next pause is short again.
const stableAfterMs = 1_000;
const logLookMs = 60_000;

/** Keeps one server process alive from `start` to `stop`. */
export class SupervisedServer extends EventEmitter<{ died: [how: string]; restarted: [] }> {
  readonly #program: ServerProgram;
  readonly #files: ServerFiles;
  readonly #stopping = new AbortController();
  #current: ServerProcess | undefined;
  #supervision: Promise<void> = Promise.resolve();

  constructor(program: ServerProgram, files: ServerFiles) {
    super();
    this.#program = program;
    this.#files = files;
  }

  get name(): ServerName {
    return this.#program.name;
  }

  /** The id of the running process; nothing while there is none. */
  get pid(): number | undefined {
    return this.#current?.hasEnded() === false ? this.#current.pid : undefined;
  }

  /**
   * Resolves when the server answers. A server may need several attempts, as PostgreSQL does while children of a killed
   * one still hold its memory. Throws SERVER_START_FAILED, PORT_TAKEN or DISK_FULL.
   */
  async start(): Promise<void> {
    void rotateLog(this.#files.log, this.#files.logLookMs ?? logLookMs, this.#stopping.signal);
    if (!existsSync(this.#program.executable)) throw this.#cannotRun('its program is missing');
    for (let attempt = 0; attempt < firstStartAttempts; attempt++) {
      if (attempt > 0) await this.#pause(attempt - 1);
      if (this.#isStopping) break;
      const server = this.#spawn();
      if (server.pid === undefined) throw this.#cannotRun(await server.ended);
      if (await this.#becomesReady(server)) {
        this.#supervision = this.#keepAlive(server);
        return;
      }
    }
    throw explainStart(this.name, this.#files.log);
  }

  /** Sends a signal to the running process. */
  kill(signal: NodeJS.Signals): void {
    this.#current?.signal(signal);
  }

  /** Kills the process without waiting, for the moment in which this process ends itself. */
  abandon(): void {
    this.#stopping.abort();
    this.kill('SIGKILL');
    this.#program.cleanUp?.();
  }

  /** Resolves when the process is gone; also while it starts. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const server = this.#current;
    if (server && !server.hasEnded()) {
      server.signal(this.#program.stopSignal);
      const inTime = await Promise.race([server.ended, sleep(this.#program.stopGraceMs, undefined, { ref: false })]);
      if (inTime === undefined) server.signal('SIGKILL');
      await server.ended;
    }
    await this.#supervision;
    rmSync(this.#files.pid, { force: true });
    this.#program.cleanUp?.();
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  #cannotRun(why: string): Failure {
    return new Failure('SERVER_START_FAILED', `${this.name} did not start: ${why}`, {
      remedy: `Remove the folder of ${this.#program.executable} from the cache, so that it is installed again.`,
      retryable: false,
    });
  }

  async #keepAlive(first: ServerProcess): Promise<void> {
    let server: ServerProcess | undefined = first;
    let attempt = 0;
    for (;;) {
      const readySince = performance.now();
      void this.#killWhenUnwell(server);
      const how = await server.ended;
      if (this.#isStopping) return;
      this.emit('died', how);
      if (performance.now() - readySince > stableAfterMs) attempt = 0;
      do {
        await this.#pause(attempt++);
        if (this.#isStopping) return;
        server = this.#spawnWhenPossible();
      } while (!server || !(await this.#becomesReady(server)));
      if (this.#isStopping) return;
      this.emit('restarted');
    }
  }

  async #killWhenUnwell(server: ServerProcess): Promise<void> {
    const { unwellLimitMs } = this.#program;
    if (unwellLimitMs === undefined) return;
    for (let wellAt = performance.now(); performance.now() - wellAt < unwellLimitMs;) {
      await sleep(unwellLimitMs / 4, undefined, { signal: this.#stopping.signal, ref: false }).catch(() => undefined);
      if (server.hasEnded() || this.#isStopping) return;
      if (await this.#program.isReady().catch(() => false)) wellAt = performance.now();
    }
    if (!server.hasEnded()) server.signal('SIGKILL');
  }

  async #becomesReady(server: ServerProcess): Promise<boolean> {
    const deadline = performance.now() + readyLimitMs;
    while (!server.hasEnded() && !this.#isStopping) {
      const probe = this.#program.isReady().catch(() => false);
      if ((await Promise.race([probe, server.ended])) === true) return true;
      if (performance.now() > deadline) server.signal('SIGKILL');
      await sleep(probePauseMs);
    }
    return false;
  }

  async #pause(attempt: number): Promise<void> {
    const pauseMs = Math.min(shortestPauseMs * 2 ** attempt, longestPauseMs);
    // A stop ends the pause early, which is no error.
    await sleep(pauseMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }

  /** A disk that is full, say, may have room again at the next attempt. */
  #spawnWhenPossible(): ServerProcess | undefined {
    try {
      return this.#spawn();
    } catch {
      return undefined;
    }
  }

  /** Throws when the process cannot be written down: one that nobody would find after a crash may not live. */
  #spawn(): ServerProcess {
    const [file, ...args] = this.#program.command;
    const log = openSync(this.#files.log, 'a', 0o600);
    let child: ChildProcess;
    try {
      child = spawn(file, args, {
        cwd: this.#program.workingFolder,
        env: { ...this.#program.environment },
        ...this.#program.account,
        stdio: ['ignore', log, log],
        // A group of its own: Ctrl-C in a terminal must reach the services before their servers.
        detached: true,
      });
    } finally {
      closeSync(log);
    }
    let over = false;
    const ended = new Promise<string>((done) => {
      child.once('exit', (code, signal) => done(signal ?? `exit status ${code}`));
      child.once('error', (error) => done(error.message));
    }).finally(() => (over = true));
    this.#current = {
      pid: child.pid,
      ended,
      hasEnded: () => over || child.exitCode !== null || child.signalCode !== null,
      signal: (signal) => void child.kill(signal),
    };
    if (child.pid !== undefined) this.#record(child.pid);
    return this.#current;
  }

  #record(pid: number): void {
    try {
      recordProcess(this.#files.pid, pid, realpathSync(this.#program.executable));
    } catch (error) {
      this.kill('SIGKILL');
      throw error;
    }
  }
}
