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
  /** Only micro batches of more rows than this are too large for it. */
  readonly fittingMicroBatch?: number;
  /** The process says nothing more from this step on, unless it went on from a checkpoint. */
  readonly silentAtStep?: number;
  /** From this step on the loss is twenty times what it would be. */
  readonly explodesAtStep?: number;
  /** How many processes the launcher is said to have started. */
  readonly worldSize?: number;
  /** What the process exits with after a training that went well. */
  readonly exitCode?: number;
  /** How long a merge takes. */
  readonly mergeMs?: number;
  /** The merge finds no tensor that the adapter is for. */
  readonly matchesNothing?: boolean;
  /** The merge adds this many times too much. */
  readonly mergeScale?: number;
}
