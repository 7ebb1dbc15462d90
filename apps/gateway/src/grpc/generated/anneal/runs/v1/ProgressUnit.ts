// Original file: libs/contracts/proto/anneal/runs/v1/runs.proto

export const ProgressUnit = {
  PROGRESS_UNIT_UNSPECIFIED: 'PROGRESS_UNIT_UNSPECIFIED',
  PROGRESS_UNIT_ROWS: 'PROGRESS_UNIT_ROWS',
  PROGRESS_UNIT_STEPS: 'PROGRESS_UNIT_STEPS',
  PROGRESS_UNIT_ITEMS: 'PROGRESS_UNIT_ITEMS',
  PROGRESS_UNIT_BYTES: 'PROGRESS_UNIT_BYTES',
} as const;

export type ProgressUnit =
  | 'PROGRESS_UNIT_UNSPECIFIED'
  | 0
  | 'PROGRESS_UNIT_ROWS'
  | 1
  | 'PROGRESS_UNIT_STEPS'
  | 2
  | 'PROGRESS_UNIT_ITEMS'
  | 3
  | 'PROGRESS_UNIT_BYTES'
  | 4

export type ProgressUnit__Output = typeof ProgressUnit[keyof typeof ProgressUnit]
