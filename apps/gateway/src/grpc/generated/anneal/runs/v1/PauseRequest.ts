// Original file: libs/contracts/proto/anneal/runs/v1/runs.proto


export interface PauseRequest {
  'id'?: (string);
}

export interface PauseRequest__Output {
  'id': (string);
}
