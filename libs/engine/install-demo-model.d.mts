import type { InstalledEngine, InstallOptions } from './install.mjs';

export interface DemoModelOptions extends InstallOptions {
  /** Installed too when it is not given. */
  engine?: Pick<InstalledEngine, 'python'>;
}

/** Throws a `SetupError` of @anneal/setup. */
export function installDemoModel(options?: DemoModelOptions): Promise<{ dir: string; cached: boolean }>;
