// Original file: libs/contracts/proto/anneal/runs/v1/runs.proto

import type { Run as _anneal_runs_v1_Run, Run__Output as _anneal_runs_v1_Run__Output } from '../../../anneal/runs/v1/Run.js';

export interface ListResponse {
  'runs'?: (_anneal_runs_v1_Run)[];
  'nextPageToken'?: (string);
}

export interface ListResponse__Output {
  'runs': (_anneal_runs_v1_Run__Output)[];
  'nextPageToken': (string);
}
