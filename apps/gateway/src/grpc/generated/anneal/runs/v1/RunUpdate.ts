// Original file: libs/contracts/proto/anneal/runs/v1/runs.proto

import type { Run as _anneal_runs_v1_Run, Run__Output as _anneal_runs_v1_Run__Output } from '../../../anneal/runs/v1/Run.js';
import type { Progress as _anneal_runs_v1_Progress, Progress__Output as _anneal_runs_v1_Progress__Output } from '../../../anneal/runs/v1/Progress.js';

export interface RunUpdate {
  'run'?: (_anneal_runs_v1_Run | null);
  'progress'?: (_anneal_runs_v1_Progress | null);
  'update'?: "run"|"progress";
}

export interface RunUpdate__Output {
  'run'?: (_anneal_runs_v1_Run__Output | null);
  'progress'?: (_anneal_runs_v1_Progress__Output | null);
  'update'?: "run"|"progress";
}
