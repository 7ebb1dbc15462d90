import type { SpawnOptions } from 'node:child_process';

/** The codes of `@anneal/contracts` that an installation may end with. */
export type SetupCode =
  | 'SETUP_PYTHON_MISSING'
  | 'SETUP_NETWORK'
  | 'DISK_FULL'
  | 'CONFIG_INVALID'
  | 'SERVER_START_FAILED'
  | 'ENGINE_MISSING'
  | 'MODEL_NOT_FOUND';

/** `message` says what went wrong, `remedy` what to do about it: one sentence each. */
export class SetupError extends Error {
  readonly code: SetupCode;
  readonly remedy: string;
  constructor(code: SetupCode, message: string, remedy: string, options?: { cause?: unknown });
}

/** What is being installed, for the sentences about it. */
export interface Purpose {
  /** With its article, as in "the engine". */
  readonly name: string;
  /** The code when the thing itself is at fault, rather than network, disk or Python. */
  readonly code: SetupCode;
  /** What it takes on disk while it is being installed. */
  readonly diskBytes: number;
  /** What to use where it cannot be installed; goes on after "use". */
  readonly otherwise: string;
}

export type Tool = 'pip' | 'uv';

export interface Step extends Pick<SpawnOptions, 'cwd' | 'env'> {
  readonly purpose: Purpose;
  readonly cache: string;
  readonly command: string;
  readonly args: readonly string[];
}

export interface WheelInstallation {
  readonly purpose: Purpose;
  /** A requirements file with hashes. */
  readonly requirements: string;
  /** A folder directly below the cache, named `<thing>-<key>`. */
  readonly dir: string;
  readonly isComplete: (dir: string) => boolean;
  readonly finish?: (unfinished: string) => Promise<void>;
  readonly log: (line: string) => void;
}

export interface EnvironmentInstallation {
  readonly purpose: Purpose;
  /** A requirements file with hashes, for Python 3.12. */
  readonly requirements: string;
  /** What `environmentFolder` names. */
  readonly dir: string;
  readonly finish?: (python: string) => Promise<void>;
  readonly log: (line: string) => void;
}

/** Packages that are fetched here to be installed elsewhere. */
export interface PackageSet {
  readonly purpose: Purpose;
  /** A requirements file with hashes. */
  readonly requirements: string;
  /** Whether they make an environment of Python 3.12, in which what has no wheel is built. */
  readonly environment?: boolean;
}

type Environment = Record<string, string | undefined>;
type Log = (line: string) => void;

export function defaultCache(environment?: Environment): string;
export function cacheKey(...parts: (string | Uint8Array)[]): string;
export function openCache(folder: string): void;
export function demandSpace(purpose: Purpose, cache: string): void;

export function interpreters(environment?: Environment): string[];
export function findPython(test: string, candidates?: readonly string[]): Promise<string | undefined>;
export function findPip(choice?: { named?: string; candidates?: readonly string[] }): Promise<string>;

export function toolEnvironment(extra?: Record<string, string>): Environment;
export function runInstaller(tool: Tool, step: Step): Promise<string>;
export function runProgram(what: string, remedy: string, step: Step): Promise<string>;
export function environmentFolder(asked: { cache: string; thing: string; requirements: string }): string;
export function isInstalled(dir: string): boolean;
export function packagesIn(dir: string): string;
/** @returns whether it was there already */
export function installEnvironment(installation: EnvironmentInstallation): Promise<boolean>;
export function installWheels(installation: WheelInstallation): Promise<void>;
export function downloadWheels(download: {
  purpose: Purpose;
  requirements: string;
  cache: string;
  into: string;
  environment?: boolean;
}): Promise<string[]>;
export const uvPackages: PackageSet;
export function fetchPackages(fetching: {
  sets: readonly PackageSet[];
  cache: string;
  into: string;
  log: Log;
}): Promise<void>;

export function explainOutput(failed: { tool: Tool; purpose: Purpose; cache: string; output: string }): SetupError;
export function explainProgram(failed: {
  what: string;
  remedy: string;
  purpose: Purpose;
  cache: string;
  output: string;
}): SetupError;
export function explainFileError(error: unknown, purpose: Purpose, cache: string): unknown;

export function withLock<Result>(name: string, log: Log, work: () => Promise<Result>): Promise<Result>;
export function runAsScript(url: string, install: (options: { log: Log }) => Promise<unknown>): Promise<void>;
export function reportSetupError(error: unknown): void;
