import type { PackageSet } from '@anneal/setup';

export interface InstalledEngine {
  /** Folder of the Python environment. */
  dir: string;
  python: string;
  axolotl: string;
  accelerate: string;
  /** Whether it was there already. */
  cached: boolean;
}

export interface InstallOptions {
  cache?: string;
  log?: (line: string) => void;
}

/** The engine, when it is in the cache. */
export function findEngine(options?: { cache?: string }): InstalledEngine | undefined;
/** Throws a `SetupError` of @anneal/setup. */
export function installEngine(options?: InstallOptions): Promise<InstalledEngine>;
/** What it is installed from. */
export const enginePackages: PackageSet;
