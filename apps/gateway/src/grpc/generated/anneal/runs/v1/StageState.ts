// Original file: libs/contracts/proto/anneal/runs/v1/runs.proto

export const StageState = {
  STAGE_STATE_UNSPECIFIED: 'STAGE_STATE_UNSPECIFIED',
  STAGE_STATE_WAITING: 'STAGE_STATE_WAITING',
  STAGE_STATE_RUNNING: 'STAGE_STATE_RUNNING',
  STAGE_STATE_SUCCEEDED: 'STAGE_STATE_SUCCEEDED',
  STAGE_STATE_FAILED: 'STAGE_STATE_FAILED',
  STAGE_STATE_CANCELLED: 'STAGE_STATE_CANCELLED',
} as const;

export type StageState =
  | 'STAGE_STATE_UNSPECIFIED'
  | 0
  | 'STAGE_STATE_WAITING'
  | 1
  | 'STAGE_STATE_RUNNING'
  | 2
  | 'STAGE_STATE_SUCCEEDED'
  | 3
  | 'STAGE_STATE_FAILED'
  | 4
  | 'STAGE_STATE_CANCELLED'
  | 5

export type StageState__Output = typeof StageState[keyof typeof StageState]
