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

/** Throws a `SetupError` of @anneal/setup. */
export function installEngine(options?: InstallOptions): Promise<InstalledEngine>;
