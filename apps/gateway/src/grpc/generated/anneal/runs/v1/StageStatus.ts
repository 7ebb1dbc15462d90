// Original file: libs/contracts/proto/anneal/runs/v1/runs.proto

import type { Stage as _anneal_runs_v1_Stage, Stage__Output as _anneal_runs_v1_Stage__Output } from '../../../anneal/runs/v1/Stage.js';
import type { StageState as _anneal_runs_v1_StageState, StageState__Output as _anneal_runs_v1_StageState__Output } from '../../../anneal/runs/v1/StageState.js';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../../google/protobuf/Timestamp.js';
import type { Progress as _anneal_runs_v1_Progress, Progress__Output as _anneal_runs_v1_Progress__Output } from '../../../anneal/runs/v1/Progress.js';
import type { Failure as _anneal_runs_v1_Failure, Failure__Output as _anneal_runs_v1_Failure__Output } from '../../../anneal/runs/v1/Failure.js';

export interface StageStatus {
  'stage'?: (_anneal_runs_v1_Stage);
  'state'?: (_anneal_runs_v1_StageState);
  'startedAt'?: (_google_protobuf_Timestamp | null);
  'finishedAt'?: (_google_protobuf_Timestamp | null);
  'progress'?: (_anneal_runs_v1_Progress | null);
  'failure'?: (_anneal_runs_v1_Failure | null);
}

export interface StageStatus__Output {
  'stage': (_anneal_runs_v1_Stage__Output);
  'state': (_anneal_runs_v1_StageState__Output);
  'startedAt': (_google_protobuf_Timestamp__Output | null);
  'finishedAt': (_google_protobuf_Timestamp__Output | null);
  'progress': (_anneal_runs_v1_Progress__Output | null);
  'failure': (_anneal_runs_v1_Failure__Output | null);
}
