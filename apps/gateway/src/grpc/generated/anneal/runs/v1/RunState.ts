// Original file: libs/contracts/proto/anneal/runs/v1/runs.proto

export const RunState = {
  RUN_STATE_UNSPECIFIED: 'RUN_STATE_UNSPECIFIED',
  RUN_STATE_RUNNING: 'RUN_STATE_RUNNING',
  RUN_STATE_PAUSED: 'RUN_STATE_PAUSED',
  RUN_STATE_SUCCEEDED: 'RUN_STATE_SUCCEEDED',
  RUN_STATE_FAILED: 'RUN_STATE_FAILED',
  RUN_STATE_CANCELLED: 'RUN_STATE_CANCELLED',
  RUN_STATE_REJECTED: 'RUN_STATE_REJECTED',
} as const;

export type RunState =
  | 'RUN_STATE_UNSPECIFIED'
  | 0
  | 'RUN_STATE_RUNNING'
  | 1
  | 'RUN_STATE_PAUSED'
  | 2
  | 'RUN_STATE_SUCCEEDED'
  | 3
  | 'RUN_STATE_FAILED'
  | 4
  | 'RUN_STATE_CANCELLED'
  | 5
  | 'RUN_STATE_REJECTED'
  | 6

export type RunState__Output = typeof RunState[keyof typeof RunState]
