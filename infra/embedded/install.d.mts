import type { PackageSet } from '@anneal/setup';

export interface InstalledServers {
  dir: string;
  nats: string;
  weed: string;
  pgBin: string;
  cached: boolean;
}

export interface InstallOptions {
  cache?: string;
  log?: (line: string) => void;
}

/** The servers, when they are in the cache. */
export function findServers(options?: { cache?: string }): InstalledServers | undefined;
/** Throws a `SetupError` of @anneal/setup. */
export function installServers(options?: InstallOptions): Promise<InstalledServers>;
/** What they are installed from. */
export const serverPackages: PackageSet;
