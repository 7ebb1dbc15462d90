export interface InstalledClient {
  /** Folder of the Python environment. */
  dir: string;
  python: string;
  /** Whether it was there already. */
  cached: boolean;
}

export interface InstallOptions {
  cache?: string;
  log?: (line: string) => void;
}

/** Throws a `SetupError` of @anneal/setup. */
export function installPythonClient(options?: InstallOptions): Promise<InstalledClient>;
