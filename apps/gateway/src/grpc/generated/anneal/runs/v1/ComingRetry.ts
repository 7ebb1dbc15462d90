// Original file: libs/contracts/proto/anneal/runs/v1/runs.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../../google/protobuf/Timestamp.js';
import type { Failure as _anneal_runs_v1_Failure, Failure__Output as _anneal_runs_v1_Failure__Output } from '../../../anneal/runs/v1/Failure.js';

export interface ComingRetry {
  'maxAttempts'?: (number);
  'nextTryAt'?: (_google_protobuf_Timestamp | null);
  'failure'?: (_anneal_runs_v1_Failure | null);
}

export interface ComingRetry__Output {
  'maxAttempts': (number);
  'nextTryAt': (_google_protobuf_Timestamp__Output | null);
  'failure': (_anneal_runs_v1_Failure__Output | null);
}
