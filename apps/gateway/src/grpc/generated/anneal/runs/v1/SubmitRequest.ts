// Original file: libs/contracts/proto/anneal/runs/v1/runs.proto

import type { Struct as _google_protobuf_Struct, Struct__Output as _google_protobuf_Struct__Output } from '../../../google/protobuf/Struct.js';

export interface SubmitRequest {
  'spec'?: (_google_protobuf_Struct | null);
  'yaml'?: (string);
  'runSpec'?: "spec"|"yaml";
}

export interface SubmitRequest__Output {
  'spec'?: (_google_protobuf_Struct__Output | null);
  'yaml'?: (string);
  'runSpec'?: "spec"|"yaml";
}
