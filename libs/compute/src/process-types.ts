/** What is to be started, and where its own records live. */
export interface ProcessSpec {
  /** The job's own folder: run.json, exit.json, stdout.log and stderr.log live here. One process per folder. */
  readonly directory: string;
  readonly identity: ProcessIdentity;
  readonly command: string;
  readonly args: readonly string[];
  /** The complete environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Lock file, or several, that the whole process tree holds; the command waits for all of them. */
  readonly slot?: string | readonly string[];
  /**
   * The supervisor ends the process when nobody has waited for it for so many seconds: its service is frozen or gone,
   * and another host may hold the job. Left out, it may run for ever.
   */
  readonly attendedSeconds?: number;
}

/** For whom the process works. The token is the fencing token of the job's lease. */
export interface ProcessIdentity {
  readonly job: string;
  readonly attempt: number;
  readonly token: string;
}

/**
 * How the process ended. `lost` means that it is gone and that nobody saw its exit code, `unattended` that its
 * supervisor ended it because nobody attended to it.
 */
export interface ExitRecord {
  readonly code: number | null;
  readonly signal: string | null;
  readonly endedAt: string;
  readonly lost?: boolean;
  readonly unattended?: boolean;
}

export type ProcessState = 'waiting' | 'running' | 'ended';

/** A process that lives on when this one dies, and that can be found again through its folder. */
export interface SupervisedProcess {
  /** The command's process, or its supervisor's while it waits for its slot. */
  readonly pid: number;
  readonly directory: string;
  readonly identity: ProcessIdentity;
  /** Set when something asked for is missing on this machine, for example the lock of a slot. */
  readonly warning: string | undefined;
  /**
   * Resolves once the command has ended, and counts as attending to it meanwhile; aborting the signal ends the waiting,
   * not the process.
   */
  wait(signal?: AbortSignal): Promise<ExitRecord>;
  /** Allows the process to go on for so many seconds without anybody who waits for it. */
  leaveFor(seconds: number): void;
  state(): ProcessState;
  /** SIGTERM to the group, then SIGKILL to every descendant; resolves when all of them are gone. */
  kill(graceMs: number): Promise<void>;
  /** The last lines of standard output and standard error. */
  tailLog(lines: number): Promise<string>;
}

export interface Gpu {
  readonly index: number;
  readonly name: string;
  readonly memoryMiB: number;
}
