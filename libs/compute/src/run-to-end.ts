export interface RunToEndOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** The complete environment; this process's own when left out. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Aborting kills the whole tree and rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called with each piece of standard error as it comes. */
  readonly onStderr?: (text: string) => void;
  /** Kills the whole tree after so many milliseconds. */
  readonly timeoutMs?: number;
}

export interface RunToEndResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last 16 MiB. */
  readonly stdout: string;
  /** The last 1 MiB. */
  readonly stderr: string;
}

export async function runToEnd(_options: RunToEndOptions): Promise<RunToEndResult> {
  throw new Error('not yet');
}
