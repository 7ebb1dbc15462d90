export type SetupCode = 'SETUP_PYTHON_MISSING' | 'SETUP_NETWORK' | 'DISK_FULL' | 'SERVER_START_FAILED';

export class SetupError extends Error {
  readonly code: SetupCode;
  readonly remedy: string;
  constructor(code: SetupCode, message: string, remedy: string);
}

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

export function defaultCache(environment?: Record<string, string | undefined>): string;
export function installServers(options?: InstallOptions): Promise<InstalledServers>;
export function explainPip(output: string, cache: string): SetupError;
