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

/** Throws a `SetupError` of @anneal/setup. */
export function installServers(options?: InstallOptions): Promise<InstalledServers>;
