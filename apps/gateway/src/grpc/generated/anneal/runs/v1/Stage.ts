// Original file: libs/contracts/proto/anneal/runs/v1/runs.proto

export const Stage = {
  STAGE_UNSPECIFIED: 'STAGE_UNSPECIFIED',
  STAGE_DATASET: 'STAGE_DATASET',
  STAGE_TRAINER: 'STAGE_TRAINER',
  STAGE_MERGER: 'STAGE_MERGER',
  STAGE_EVALUATOR: 'STAGE_EVALUATOR',
  STAGE_PUBLISHER: 'STAGE_PUBLISHER',
} as const;

export type Stage =
  | 'STAGE_UNSPECIFIED'
  | 0
  | 'STAGE_DATASET'
  | 1
  | 'STAGE_TRAINER'
  | 2
  | 'STAGE_MERGER'
  | 3
  | 'STAGE_EVALUATOR'
  | 4
  | 'STAGE_PUBLISHER'
  | 5

export type Stage__Output = typeof Stage[keyof typeof Stage]
