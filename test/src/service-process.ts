import { spawn, type ChildProcess } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import type { ServiceName } from '@anneal/contracts';

const root = join(import.meta.dirname, '..', '..');
const readyMs = 60_000;

/** A service as operators run it: its own process, from its built files, with nothing but an environment. */
export class ServiceProcess {
  private constructor(
    readonly name: ServiceName,
    private readonly child: ChildProcess,
    readonly url: string,
  ) {}

  static async start(name: ServiceName, environment: Record<string, string>, logFile: string): Promise<ServiceProcess> {
    const child = spawn(process.execPath, [join(root, 'apps', name, 'dist', 'main.js')], {
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...environment, LOG_LEVEL: 'info' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const url = await new Promise<string>((resolve, reject) => {
      const late = setTimeout(
        () => reject(new Error(`${name} is not ready after ${readyMs / 1000} s; see ${logFile}`)),
        readyMs,
      );
      const take = (chunk: Buffer): void => {
        const text = chunk.toString();
        appendFileSync(logFile, text);
        const address = /"address":"([^"]+)"/.exec(text)?.[1];
        if (!address) return;
        clearTimeout(late);
        resolve(address);
      };
      child.stdout.on('data', take);
      child.stderr.on('data', take);
      child.once('exit', (code) => {
        clearTimeout(late);
        reject(new Error(`${name} ended with ${code} before it was ready; see ${logFile}`));
      });
    });
    return new ServiceProcess(name, child, url);
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const gone = once(this.child, 'exit');
      this.child.kill(signal);
      await gone;
    }
    return this.child.exitCode;
  }
}
