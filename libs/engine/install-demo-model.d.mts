import type { InstalledEngine } from './install.mjs';

export function installDemoModel(options: {
  engine: Pick<InstalledEngine, 'python'>;
  cache?: string;
  log?: (line: string) => void;
}): Promise<{ dir: string; cached: boolean }>;
