/** What a test may ask of the stand-in. It reads them anew at every start. */
export interface StandInFaults {
  /** How long a step takes. */
  readonly stepMs?: number;
  /** From the first sign of life to the loaded model. */
  readonly loadMs?: number;
  /** The process dies by SIGKILL in this step, unless it went on from a checkpoint. */
  readonly dieAtStep?: number;
  /** The loss of this step is no number. */
  readonly notFiniteAtStep?: number;
  /** The memory of the GPU does not suffice in this step. */
  readonly outOfMemoryAtStep?: number;
  /** What the process exits with after a training that went well. */
  readonly exitCode?: number;
  /** The merge finds no tensor that the adapter is for. */
  readonly matchesNothing?: boolean;
  /** The merge adds this many times too much. */
  readonly mergeScale?: number;
}
