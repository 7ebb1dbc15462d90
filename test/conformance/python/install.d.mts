export interface InstalledPython {
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

/** The official client. Throws a `SetupError` of @anneal/setup. */
export function installPythonClient(options?: InstallOptions): Promise<InstalledPython>;

/** What tries the API against its document. Throws a `SetupError` of @anneal/setup. */
export function installSchemathesis(options?: InstallOptions): Promise<InstalledPython>;
