// Original file: libs/contracts/proto/anneal/runs/v1/runs.proto

import type { Run as _anneal_runs_v1_Run, Run__Output as _anneal_runs_v1_Run__Output } from '../../../anneal/runs/v1/Run.js';

export interface SubmitResponse {
  'run'?: (_anneal_runs_v1_Run | null);
  'created'?: (boolean);
}

export interface SubmitResponse__Output {
  'run': (_anneal_runs_v1_Run__Output | null);
  'created': (boolean);
}
