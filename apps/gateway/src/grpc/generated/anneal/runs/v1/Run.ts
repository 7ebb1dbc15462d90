// Original file: libs/contracts/proto/anneal/runs/v1/runs.proto

import type { RunState as _anneal_runs_v1_RunState, RunState__Output as _anneal_runs_v1_RunState__Output } from '../../../anneal/runs/v1/RunState.js';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../../google/protobuf/Timestamp.js';
import type { StageStatus as _anneal_runs_v1_StageStatus, StageStatus__Output as _anneal_runs_v1_StageStatus__Output } from '../../../anneal/runs/v1/StageStatus.js';
import type { Verdict as _anneal_runs_v1_Verdict, Verdict__Output as _anneal_runs_v1_Verdict__Output } from '../../../anneal/runs/v1/Verdict.js';
import type { Failure as _anneal_runs_v1_Failure, Failure__Output as _anneal_runs_v1_Failure__Output } from '../../../anneal/runs/v1/Failure.js';
import type { Problem as _anneal_runs_v1_Problem, Problem__Output as _anneal_runs_v1_Problem__Output } from '../../../anneal/runs/v1/Problem.js';
import type { Struct as _google_protobuf_Struct, Struct__Output as _google_protobuf_Struct__Output } from '../../../google/protobuf/Struct.js';
import type { VerdictRule as _anneal_runs_v1_VerdictRule, VerdictRule__Output as _anneal_runs_v1_VerdictRule__Output } from '../../../anneal/runs/v1/VerdictRule.js';

export interface Run {
  'id'?: (string);
  'name'?: (string);
  'state'?: (_anneal_runs_v1_RunState);
  'createdAt'?: (_google_protobuf_Timestamp | null);
  'finishedAt'?: (_google_protobuf_Timestamp | null);
  'stages'?: (_anneal_runs_v1_StageStatus)[];
  'verdict'?: (_anneal_runs_v1_Verdict);
  'verdictReason'?: (string);
  'publishedTo'?: (string);
  'withheldBy'?: (string);
  'failure'?: (_anneal_runs_v1_Failure | null);
  'problems'?: (_anneal_runs_v1_Problem)[];
  'spec'?: (_google_protobuf_Struct | null);
  'verdictRule'?: (_anneal_runs_v1_VerdictRule);
  'project'?: (string);
}

export interface Run__Output {
  'id': (string);
  'name': (string);
  'state': (_anneal_runs_v1_RunState__Output);
  'createdAt': (_google_protobuf_Timestamp__Output | null);
  'finishedAt': (_google_protobuf_Timestamp__Output | null);
  'stages': (_anneal_runs_v1_StageStatus__Output)[];
  'verdict': (_anneal_runs_v1_Verdict__Output);
  'verdictReason': (string);
  'publishedTo': (string);
  'withheldBy': (string);
  'failure': (_anneal_runs_v1_Failure__Output | null);
  'problems': (_anneal_runs_v1_Problem__Output)[];
  'spec': (_google_protobuf_Struct__Output | null);
  'verdictRule': (_anneal_runs_v1_VerdictRule__Output);
  'project': (string);
}
