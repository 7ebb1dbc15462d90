export interface InstalledPrometheus {
  dir: string;
  prometheus: string;
  promtool: string;
  cached: boolean;
}

/** Throws a `SetupError` of @anneal/setup: SETUP_NETWORK where there is no apt, or no way to its archive. */
export function installPrometheus(options?: {
  cache?: string;
  log?: (line: string) => void;
}): Promise<InstalledPrometheus>;
