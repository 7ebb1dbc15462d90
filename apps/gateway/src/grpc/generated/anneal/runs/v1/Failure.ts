// Original file: libs/contracts/proto/anneal/runs/v1/runs.proto

import type { Long } from '@grpc/proto-loader';

export interface Failure {
  'code'?: (string);
  'message'?: (string);
  'remedy'?: (string);
  'retryable'?: (boolean);
  'field'?: (string);
  'file'?: (string);
  'row'?: (number | string | Long);
  '_field'?: "field";
  '_file'?: "file";
  '_row'?: "row";
}

export interface Failure__Output {
  'code': (string);
  'message': (string);
  'remedy': (string);
  'retryable': (boolean);
  'field'?: (string);
  'file'?: (string);
  'row'?: (number);
  '_field'?: "field";
  '_file'?: "file";
  '_row'?: "row";
}
