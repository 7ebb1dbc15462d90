export interface InstalledEngine {
  /** Folder of the Python environment. */
  dir: string;
  python: string;
  axolotl: string;
  accelerate: string;
  /** Whether it was there already. */
  cached: boolean;
}

export function installEngine(options?: { cache?: string; log?: (line: string) => void }): Promise<InstalledEngine>;
