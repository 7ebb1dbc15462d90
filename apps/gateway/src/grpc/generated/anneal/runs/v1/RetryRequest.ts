// Original file: libs/contracts/proto/anneal/runs/v1/runs.proto

import type { Stage as _anneal_runs_v1_Stage, Stage__Output as _anneal_runs_v1_Stage__Output } from '../../../anneal/runs/v1/Stage.js';

export interface RetryRequest {
  'id'?: (string);
  'from'?: (_anneal_runs_v1_Stage);
}

export interface RetryRequest__Output {
  'id': (string);
  'from': (_anneal_runs_v1_Stage__Output);
}
