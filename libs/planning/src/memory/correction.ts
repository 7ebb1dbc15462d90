/** Peaks that were measured in trainings of one kind, over what had been estimated for them. */
export interface Correction {
  readonly ratio: number;
  /** How many trainings it was measured in. */
  readonly trainings: number;
}
