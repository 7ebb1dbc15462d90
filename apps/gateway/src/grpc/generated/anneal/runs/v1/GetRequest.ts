// Original file: libs/contracts/proto/anneal/runs/v1/runs.proto


export interface GetRequest {
  'id'?: (string);
}

export interface GetRequest__Output {
  'id': (string);
}
