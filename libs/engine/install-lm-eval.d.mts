import type { PackageSet } from '@anneal/setup';
import type { InstallOptions } from './install.mjs';

/** Gives the folder that goes before the engine's own packages. Throws a `SetupError` of @anneal/setup. */
export function installLmEval(options?: InstallOptions): Promise<{ packages: string; cached: boolean }>;

/** The folder, when it is in the cache. */
export function findLmEval(options?: Pick<InstallOptions, 'cache'>): { packages: string } | undefined;

/** What it is installed from. */
export const lmEvalPackages: PackageSet;
