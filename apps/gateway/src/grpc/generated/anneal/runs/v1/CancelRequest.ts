// Original file: libs/contracts/proto/anneal/runs/v1/runs.proto


export interface CancelRequest {
  'id'?: (string);
}

export interface CancelRequest__Output {
  'id': (string);
}
