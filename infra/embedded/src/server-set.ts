import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import type { DataFolder } from './data-folder.js';
import { endLeftover } from './leftover.js';
import { serverNames, type ServerName } from './server-name.js';
import { SupervisedServer, type ServerFiles, type ServerProgram } from './supervised-server.js';

export type ServerEvent = 'died' | 'restarted';

const leftoverGraceMs = 1_500;

/** The servers that run on one data folder. */
export class ServerSet {
  readonly #folder: DataFolder;
  readonly #log: (line: string) => void;
  readonly #servers = new Map<ServerName, SupervisedServer>();
  readonly #events = new EventEmitter<Record<ServerEvent, [name: ServerName]>>();
  #stopped: Promise<void> | undefined;
  // This process may end without a stop, as by an uncaught error. An exit cannot wait, and all three survive a kill.
  readonly #abandonAll = (): void => this.#servers.forEach((server) => server.abandon());

  constructor(folder: DataFolder, log: (line: string) => void) {
    this.#folder = folder;
    this.#log = log;
  }

  /** Ends the servers that a killed supervisor left on this folder. */
  async endLeftovers(): Promise<void> {
    await Promise.all(
      serverNames.map(async (name) => {
        // SIGINT is PostgreSQL's stop that does not wait for clients, and the others take it as well.
        const pid = await endLeftover(this.#filesOf(name).pid, 'SIGINT', leftoverGraceMs);
        if (pid !== undefined) this.#log(`${name}: ended process ${pid}, left by a killed supervisor`);
      }),
    );
  }

  /** Runs a program from now on. Resolves when it answers. */
  async start(program: ServerProgram): Promise<void> {
    if (this.#stopped) throw new Error(`${program.name} was not started: the servers are being stopped`);
    if (this.#servers.size === 0) process.once('exit', this.#abandonAll);
    const begin = performance.now();
    const server = new SupervisedServer(program, this.#filesOf(program.name));
    this.#servers.set(program.name, server);
    server.on('died', (how) => {
      this.#log(`${program.name}: died (${how})`);
      this.#events.emit('died', program.name);
    });
    server.on('restarted', () => {
      this.#log(`${program.name}: answers again`);
      this.#events.emit('restarted', program.name);
    });
    await server.start();
    this.#log(`${program.name}: ready after ${Math.round(performance.now() - begin)} ms`);
  }

  pidOf(name: ServerName): number | undefined {
    return this.#servers.get(name)?.pid;
  }

  kill(name: ServerName, signal: NodeJS.Signals): void {
    this.#servers.get(name)?.kill(signal);
  }

  on(event: ServerEvent, listener: (name: ServerName) => void): () => void {
    this.#events.on(event, listener);
    return () => this.#events.off(event, listener);
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stopAll();
    return this.#stopped;
  }

  async #stopAll(): Promise<void> {
    await Promise.all([...this.#servers.values()].map((server) => server.stop()));
    process.off('exit', this.#abandonAll);
  }

  #filesOf(name: ServerName): ServerFiles {
    return { log: join(this.#folder.log, `${name}.log`), pid: join(this.#folder.run, `${name}.pid`) };
  }
}
