// Original file: libs/contracts/proto/anneal/runs/v1/runs.proto

import type { Stage as _anneal_runs_v1_Stage, Stage__Output as _anneal_runs_v1_Stage__Output } from '../../../anneal/runs/v1/Stage.js';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../../google/protobuf/Timestamp.js';
import type { ProgressUnit as _anneal_runs_v1_ProgressUnit, ProgressUnit__Output as _anneal_runs_v1_ProgressUnit__Output } from '../../../anneal/runs/v1/ProgressUnit.js';
import type { ComingRetry as _anneal_runs_v1_ComingRetry, ComingRetry__Output as _anneal_runs_v1_ComingRetry__Output } from '../../../anneal/runs/v1/ComingRetry.js';

export interface Progress {
  'runId'?: (string);
  'stage'?: (_anneal_runs_v1_Stage);
  'at'?: (_google_protobuf_Timestamp | null);
  'attempt'?: (number);
  'phase'?: (string);
  'done'?: (number | string);
  'total'?: (number | string);
  'unit'?: (_anneal_runs_v1_ProgressUnit);
  'secondsLeft'?: (number | string);
  'loss'?: (number | string);
  'learningRate'?: (number | string);
  'tokensPerSecond'?: (number | string);
  'retry'?: (_anneal_runs_v1_ComingRetry | null);
  'position'?: (number);
  'startsAt'?: (_google_protobuf_Timestamp | null);
  'rewardAccuracy'?: (number | string);
  'rewardMargin'?: (number | string);
  '_done'?: "done";
  '_total'?: "total";
  '_secondsLeft'?: "secondsLeft";
  '_loss'?: "loss";
  '_learningRate'?: "learningRate";
  '_tokensPerSecond'?: "tokensPerSecond";
  '_position'?: "position";
  '_rewardAccuracy'?: "rewardAccuracy";
  '_rewardMargin'?: "rewardMargin";
}

export interface Progress__Output {
  'runId': (string);
  'stage': (_anneal_runs_v1_Stage__Output);
  'at': (_google_protobuf_Timestamp__Output | null);
  'attempt': (number);
  'phase': (string);
  'done'?: (number);
  'total'?: (number);
  'unit': (_anneal_runs_v1_ProgressUnit__Output);
  'secondsLeft'?: (number);
  'loss'?: (number);
  'learningRate'?: (number);
  'tokensPerSecond'?: (number);
  'retry': (_anneal_runs_v1_ComingRetry__Output | null);
  'position'?: (number);
  'startsAt': (_google_protobuf_Timestamp__Output | null);
  'rewardAccuracy'?: (number);
  'rewardMargin'?: (number);
  '_done'?: "done";
  '_total'?: "total";
  '_secondsLeft'?: "secondsLeft";
  '_loss'?: "loss";
  '_learningRate'?: "learningRate";
  '_tokensPerSecond'?: "tokensPerSecond";
  '_position'?: "position";
  '_rewardAccuracy'?: "rewardAccuracy";
  '_rewardMargin'?: "rewardMargin";
}
