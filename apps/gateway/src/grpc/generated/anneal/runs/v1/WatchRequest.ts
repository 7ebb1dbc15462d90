// Original file: libs/contracts/proto/anneal/runs/v1/runs.proto


export interface WatchRequest {
  'id'?: (string);
}

export interface WatchRequest__Output {
  'id': (string);
}
